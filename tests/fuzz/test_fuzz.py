"""What is near the seeds of all targets, and a short run of the fuzzer; a long one: `make fuzz`."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_checkpoint_damage import flip, overwrite, repeat, truncate

pytest.importorskip("atheris", reason="atheris has no build for this system or this Python")

RUNS = 6_000
ROOT = Path(__file__).resolve().parents[2]
PLANTED = """
import sys
from pathlib import Path
import atheris
from tests.fuzz.fuzzing import Target, either_of, fuzz

@atheris.instrument_func
def call(data):
    if data[:1] == b"F" and data[1:2] == b"u" and data[2:3] == b"z" and data[3:4] == b"z":
        raise KeyError("planted")

targets = [Target(lambda data: None, [b"nothing"]), Target(call, [b"seed"])]
fuzz(either_of(targets), ["-runs=300000", "-seed=1", sys.argv[1]], Path(sys.argv[2]))
"""


def run(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=400, check=False
    )


def test_every_target_bears_its_seeds_and_what_is_near_them(tmp_path):
    from tests.fuzz.targets import TARGETS  # needs atheris

    chance = random.Random(0)
    for name, make in TARGETS.items():
        (tmp_path / name).mkdir()
        target = make(tmp_path / name)
        for seed in target.seeds:
            target.call(seed)
            for _ in range(20):
                target.call(chance.choice((flip, overwrite, repeat, truncate))(seed, chance))


@pytest.mark.sweep
def test_nothing_is_found_in_a_short_run(tmp_path):
    ended = run("-m", "tests.fuzz", "all", f"-runs={RUNS}", "-seed=1", f"-artifact_prefix={tmp_path}/")
    assert ended.returncode == 0, ended.stderr[-3_000:]
    assert f"Done {RUNS} runs" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sweep
def test_a_fault_that_is_planted_is_found_and_kept(tmp_path):
    """Four bytes in a row would take four thousand million blind tries."""
    ended = run("-c", PLANTED, f"-artifact_prefix={tmp_path}/", tmp_path)
    assert ended.returncode != 0
    assert "planted" in ended.stdout + ended.stderr
    (found,) = tmp_path.glob("crash-*")
    assert found.read_bytes()[1:5] == b"Fuzz"
