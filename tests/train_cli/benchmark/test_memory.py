import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from fusion_demo.errors import ConfigError, InputError
from train_cli.benchmark.memory import in_child, peak_during, resident_bytes

MEGABYTES = 64


def held(number):
    """Hold so many megabytes for a moment."""
    torch.ones(number * 250_000).sum()


def process_threads_and_peak_after_more(number):
    held(4 * number)
    return os.getpid(), torch.get_num_threads(), peak_during(lambda: held(number)).as_dict()


def refuse():
    raise InputError("not this one")


def end_at_once():
    os._exit(9)


def speak_and_stay():
    print("begun", flush=True)
    time.sleep(600)


def test_a_child_with_as_many_threads_finds_the_peak_of_the_work_and_not_of_what_was_before():
    process, threads, found = in_child(process_threads_and_peak_after_more, MEGABYTES)
    assert process != os.getpid()
    assert threads == torch.get_num_threads()
    added = found["peak_bytes"] - found["loaded_bytes"]
    assert 0.9 * MEGABYTES * 1e6 < added < 3 * MEGABYTES * 1e6
    assert "cuda_bytes" not in found


def test_a_process_that_is_not_there_says_nothing():
    with pytest.raises(ConfigError, match="does not say how much memory"):
        resident_bytes("VmRSS", "0")


def test_the_errors_of_a_child_come_back():
    with pytest.raises(InputError, match="not this one"):
        in_child(refuse)


def test_a_child_that_is_ended_is_told_of():
    with pytest.raises(ConfigError, match="most likely because memory ran out"):
        in_child(end_at_once)


@pytest.mark.sweep
def test_a_measurement_ends_with_whoever_asked_for_it():
    asks = f"from {__name__} import *\nif __name__ == '__main__':\n    in_child(speak_and_stay)\n"
    root = Path(__file__).resolve().parents[3]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", asks], cwd=root, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout.readline() == b"begun\n"
        process.kill()
        # The end of what both write to: the child has it, too, for as long as it lives.
        assert process.communicate(timeout=60)[0] == b""
