"""What each make target runs, seen through a Python that writes down how it was called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[1] / "Makefile"

PYTHON_THAT_NOTES_ITS_CALLS = """#!/bin/sh
echo "$*" >> calls
case "$*" in
    *version_info*) test "$OLD" = "" ;;
    "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; test "$NO_VENV" = "" ;;
    *"pip install"*) test "$NO_NETWORK" = "" ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def make(tmp_path):
    """Run make in an empty project; return its result and the calls of Python that it made."""
    python = tmp_path / "python"
    python.write_text(PYTHON_THAT_NOTES_ITS_CALLS)
    python.chmod(0o755)
    calls = tmp_path / "calls"
    for name in ("requirements.txt", "requirements.lock", "requirements-dev.txt"):
        (tmp_path / name).touch()

    def run(*arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        calls.write_text("")
        result = subprocess.run(
            ["make", "-f", str(MAKEFILE), f"PYTHON={python}", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
        )
        return result, [line for line in calls.read_text().splitlines() if "version_info" not in line]

    return run


PYTEST = "-m pytest -n auto --maxprocesses 4 --dist loadfile"
PIP = "-m pip install --disable-pip-version-check -r"
LOCKED = "-m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock"


def test_make_alone_lists_every_target(make):
    result, calls = make()
    listed = {line.split()[1] for line in result.stdout.splitlines()}
    phony = next(line for line in MAKEFILE.read_text().splitlines() if line.startswith(".PHONY:"))
    assert (listed, calls) == (set(phony.split()[1:]), [])


def test_demo_sets_up_once_and_then_starts_at_once(make):
    setup = ["-m venv --clear .venv", LOCKED, f"{PIP} requirements.txt"]
    start = ["-m train_cli models fetch", "app.py"]
    assert make("demo")[1] == setup + start
    assert make("demo")[1] == start


def test_test_installs_the_test_tools_too(make):
    make("demo")
    assert make("test", "ARGS=-x")[1] == [
        "-m train_cli models fetch",
        f"{PIP} requirements-dev.txt",
        f"{PYTEST} -x",
    ]
    assert make("test")[1] == ["-m train_cli models fetch", PYTEST]
    assert make("test-all")[1] == ["-m train_cli models fetch", f"{PYTEST} --all"]


def test_check_needs_no_models(make):
    make("test")
    assert make("check")[1] == ["-m ruff check .", "-m ruff format --check ."]


def test_fuzz_runs_all_targets_for_ten_minutes_or_what_is_asked_for(make):
    assert make("fuzz")[1][-1] == "-m tests.fuzz all -max_total_time=600"
    assert make("fuzz", "ARGS=upload -runs=9")[1] == ["-m tests.fuzz upload -runs=9"]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements.lock"])
def test_a_changed_list_is_installed_again(make, tmp_path, name):
    make("test")
    os.utime(tmp_path / name, (2e9, 2e9))
    assert make("demo")[1][:2] == [LOCKED, f"{PIP} requirements.txt"]


def test_a_lock_is_written_by_the_projects_own_python(make):
    assert make("lock")[1][-1] == "docs/lock.py"


def test_an_old_python_is_refused(make, tmp_path):
    result, calls = make("demo", OLD="1")
    assert result.returncode != 0
    assert "needs Python 3.11 or newer" in result.stderr
    assert (calls, (tmp_path / ".venv").exists()) == ([], False)


def test_a_python_without_venv_is_refused_and_leaves_nothing(make, tmp_path):
    result, _ = make("demo", NO_VENV="1")
    assert result.returncode != 0
    assert "apt install python3-venv" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_installation_that_failed_is_tried_again(make):
    result, calls = make("demo", NO_NETWORK="1")
    assert (result.returncode != 0, calls[-1]) == (True, LOCKED)
    assert make("demo")[1][:2] == [LOCKED, f"{PIP} requirements.txt"]
