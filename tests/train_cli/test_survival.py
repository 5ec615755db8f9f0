"""A training that is killed, or meets a full disk, a read-only folder or a jumping clock, loses nothing.

`make test` kills it at two moments; with `--all` it is killed at 25.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import load_file

from fusion_demo.checkpoint import list_checkpoints, load_checkpoint
from fusion_demo.training_log import read_run
from train_cli.output_folder import LOCK

LABELS = ("sports", "politics", "business")
STATE = "last/state.safetensors"
UNEQUAL = {"seconds", "examples_per_second"}


class Trainings:
    """Starts trainings of one recipe in a process that has imported all; see `killed_training`."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("killed_training.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self.process.stdout.readline() == "ready\n"

    def run(self, output: Path, *more: str, **request) -> dict:
        """Train, with an encoder's cache, a warm start, dropout and patience; return how it ended."""
        recipe = "--batch-size 8 --epochs 4 --learning-rate 0.01 --evaluations 12 --patience 3 --seed 2"
        arguments = [
            *(
                "train",
                "--warm-start-epochs",
                "2",
                "--preset",
                "tiny",
                "--task",
                "news",
                "--device",
                "cpu",
                "--sentence-tokens",
                "1",
            ),
            *("--data", str(self.data), "--output", str(output), "--state-cache", str(output / "states")),
            *(*recipe.split(), "--soft-token-dropout", "0.2", "--fusion-dropout", "0.1", *more),
        ]
        request |= {"arguments": arguments, "folder": str(output)}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    for split, rows in (("train", 44), ("dev", 9)):
        shift = split == "dev"  # what is learned is wrong there, so that patience runs out
        lines = [
            {"text": f"{LABELS[i % 3]} story {i}", "label": LABELS[(i + shift) % 3]} for i in range(rows)
        ]
        (data / f"{split}.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    started = Trainings(data)
    yield started
    started.process.stdin.close()
    started.process.wait(timeout=60)


@pytest.fixture(scope="module")
def whole(trainings, tmp_path_factory):
    """A training that nothing happened to, and how it ended."""
    folder = tmp_path_factory.mktemp("whole") / "bridge"
    ended = trainings.run(folder)
    assert ended["status"] == 0, ended["printed"]
    assert "no gain in 3 evaluations: stopped" in ended["printed"]
    return folder, ended


@pytest.fixture
def small_disk(tmp_path):
    """A disk of half a megabyte of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def same_training(first: Path, second: Path) -> bool:
    """Compare all that a training leaves, but the time that it took."""
    for name in ("model.safetensors", STATE):
        one, two = load_file(first / name), load_file(second / name)
        if one.keys() != two.keys() or not all(torch.equal(one[key], two[key]) for key in one):
            return False
    return left_in_words(first) == left_in_words(second)


def left_in_words(folder: Path) -> list:
    with safe_open(folder / STATE, framework="pt") as file:
        progress = json.loads(file.metadata()["note"])
    metrics = json.loads((folder / "metrics.json").read_text())
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [without_times(value) for value in (progress, metrics, lines)]


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in UNEQUAL}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def check_readable(folder: Path, models) -> bool:
    """Whatever was left, the folder can be read, and holds the best that the state knows of."""
    checkpoints = list_checkpoints(folder.parent)
    for info in checkpoints:
        load_checkpoint(info.folder, models)
    read_run(folder, datetime.now(UTC))
    if (folder / STATE).exists():
        with safe_open(folder / STATE, framework="pt") as file:
            best = json.loads(file.metadata()["note"])["best_update"]
        if best:
            assert checkpoints[0].metrics["training"]["updates"] >= best
    return bool(checkpoints)


def go_on(trainings, folder: Path) -> dict:
    """Do as the message says: resume, or start where nothing had been begun."""
    ended = trainings.run(folder, "--resume")
    if ended["status"] == 2 and "Leave out --resume to start one" in ended["printed"]:
        assert {path.name for path in folder.glob("*")} <= {LOCK}
        ended = trainings.run(folder)
    return ended


def test_a_training_killed_at_any_moment_resumes_to_the_same_bits(
    trainings, whole, tmp_path, tiny_models, sweep_size
):
    reference, ended = whole
    chance = random.Random(0)
    kills, checkpoints = sweep_size(25, 2), 0
    for number in range(kills):
        folder = tmp_path / str(number) / "bridge"
        moment = (
            {"kill_step": chance.randrange(1, ended["steps"] + 1)}
            if number % 2
            else {"kill_after": chance.uniform(0.1, 0.9) * ended["seconds"]}
        )
        killed = trainings.run(folder, **moment)
        while killed["signal"] is None and "kill_after" in moment:  # it was quicker than the other one
            shutil.rmtree(folder)
            moment["kill_after"] *= 0.7
            killed = trainings.run(folder, **moment)
        assert killed["signal"] == signal.SIGKILL, (moment, killed)
        checkpoints += check_readable(folder, tiny_models)
        again = go_on(trainings, folder)
        assert again["status"] == 0, (moment, again["printed"])
        assert same_training(reference, folder), moment
        assert not list(folder.rglob(".*.part"))
        check_readable(folder, tiny_models)
        print(f"{number + 1}: {moment}: same bits")
    assert checkpoints or kills < 5


def test_a_training_killed_again_and_again_resumes_to_the_same_bits(trainings, whole, tmp_path, tiny_models):
    reference, ended = whole
    folder = tmp_path / "bridge"
    chance = random.Random(1)
    trainings.run(folder, kill_step=ended["steps"] // 2)
    for _ in range(3):
        killed = trainings.run(folder, "--resume", kill_step=chance.randrange(20, ended["steps"] // 4))
        assert killed["signal"] == signal.SIGKILL
        check_readable(folder, tiny_models)
    assert go_on(trainings, folder)["status"] == 0
    assert same_training(reference, folder)


def test_ctrl_c_at_any_moment_costs_nothing(trainings, whole, tmp_path, sweep_size):
    """Within an update or an evaluation, too, which are neither skipped nor done twice."""
    reference, ended = whole
    chance = random.Random(2)
    stopped = 0
    for number in range(sweep_size(5, 2)):
        folder = tmp_path / str(number)
        moment = chance.uniform(0.3, 0.8) * ended["seconds"]
        interrupted = trainings.run(folder, kill_after=moment, signal=signal.SIGINT)
        while interrupted["status"] == 0:  # it was quicker than the other one
            shutil.rmtree(folder)
            moment *= 0.7
            interrupted = trainings.run(folder, kill_after=moment, signal=signal.SIGINT)
        stopped += interrupted["status"] == 130
        assert "Traceback" not in interrupted["printed"]
        again = go_on(trainings, folder)
        assert again["status"] == 0, again["printed"]
        assert same_training(reference, folder), moment
    assert stopped


def test_a_second_stage_that_is_killed_behind_its_warm_start_keeps_what_it_started_from(
    trainings, whole, tmp_path
):
    first = ("--init-from", str(whole[0]))
    assert trainings.run(tmp_path / "whole", *first)["status"] == 0
    killed = trainings.run(tmp_path / "cut", *first, kill_path="last/.state.safetensors")
    assert killed["signal"] == signal.SIGKILL
    assert (tmp_path / "cut" / "last" / "warm-start").exists()
    assert trainings.run(tmp_path / "cut", *first, "--resume")["status"] == 0
    assert same_training(tmp_path / "whole", tmp_path / "cut")


def test_a_full_disk_ends_with_a_sentence_and_loses_nothing(trainings, whole, small_disk, tiny_models):
    folder = small_disk / "bridge"
    needed = sum(path.stat().st_size for path in whole[0].rglob("*") if path.is_file())
    free = shutil.disk_usage(small_disk).free
    for left in (0.3, 0.9):
        shutil.rmtree(folder, ignore_errors=True)
        filler = small_disk / "filler"
        filler.write_bytes(b"x" * (free - int(left * needed)))
        full = trainings.run(folder)
        assert full["status"] == 2, full["printed"]
        (line,) = [line for line in full["printed"].splitlines() if line.startswith("error: ")]
        assert "No space left on device" in line
        assert "Make room" in line
        assert "Traceback" not in full["printed"]
        check_readable(folder, tiny_models)
        assert not list(folder.glob(".*.part"))
        filler.unlink()
        assert go_on(trainings, folder)["status"] == 0
        assert same_training(whole[0], folder)


def test_a_file_that_may_not_grow_ends_with_a_sentence_and_loses_nothing(
    trainings, whole, tmp_path, tiny_models
):
    folder = tmp_path / "bridge"
    largest = (whole[0] / STATE).stat().st_size - 1_000
    full = trainings.run(folder, largest_file=largest)
    assert full["status"] == 2, full["printed"]
    assert "error: Nothing can be written to" in full["printed"] or "cannot be kept in" in full["printed"]
    assert "Traceback" not in full["printed"]
    check_readable(folder, tiny_models)
    assert go_on(trainings, folder)["status"] == 0
    assert same_training(whole[0], folder)


def test_a_folder_that_cannot_be_written_is_refused_before_the_training(trainings, small_disk):
    if subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], capture_output=True).returncode:
        pytest.skip("no disk can be mounted anew here")
    refused = trainings.run(small_disk / "bridge")
    assert refused["status"] == 2
    (line,) = refused["printed"].splitlines()
    assert line.startswith(
        f"error: Nothing can be written to {small_disk / 'bridge'}: Read-only file system."
    )
    assert "Give another --output" in line


def test_a_second_training_on_one_folder_is_refused_and_changes_nothing(trainings, whole, tmp_path):
    folder = tmp_path / "bridge"
    shutil.copytree(whole[0], folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with FileLock(folder / LOCK):
        for more in ("--resume", "--overwrite"):
            refused = trainings.run(folder, more)
            assert refused["status"] == 2
            assert f"error: Another training is writing to {folder}." in refused["printed"]
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_clock_that_jumps_changes_nothing(trainings, whole, tmp_path):
    folder = tmp_path / "bridge"
    killed = trainings.run(folder, kill_step=whole[1]["steps"] // 2, clock_jumps=True)
    assert killed["signal"] == signal.SIGKILL
    assert trainings.run(folder, "--resume", clock_jumps=True)["status"] == 0
    assert same_training(whole[0], folder)
    run = read_run(folder, datetime.now(UTC))
    assert (run.state, run.unreadable) == ("finished", 0)
    for points in (run.warm_start, run.training, run.dev):
        seconds = [point.seconds for point in points]
        assert seconds == sorted(seconds)
        assert 0 <= seconds[0] <= seconds[-1] < 600
