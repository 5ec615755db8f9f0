"""`serve/`, whose packages are no part of the requirements: its tests run in a Python that has them."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extra_python import python_with

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return python_with("requirements-serve.txt", tmp_path_factory.mktemp("serve-python"))


@pytest.mark.sweep
def test_the_suite_of_serve_passes(python, tmp_path):
    # Hypothesis is imported at the very end, while Ray's threads parse code too: Python 3.11 may not bear it.
    options = ["-q", "--disable-warnings", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"]
    command = [python, "-m", "pytest", "tests/serve", *options, f"--basetemp={tmp_path / 'pytest'}"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONUTF8": "1"}
    )
    assert not done.returncode, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_without_its_packages_serve_is_refused_with_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in [name for name in sys.modules if name.startswith("serve.")]:
        monkeypatch.delitem(sys.modules, name)
    said = "error: Several processes need more packages. Run: pip install -r requirements-serve.txt"
    with pytest.raises(SystemExit, match=f"^{said}$"):
        runpy.run_path(str(ROOT / "serve/__main__.py"), run_name="__main__")
