"""What a training says of itself, as files."""

import json
import math
from datetime import UTC, datetime

import pytest

from fusion_demo.training_log import TRAINING, WARM_START, read_run, read_status
from train_cli import monitor as module
from train_cli.monitor import Monitor


def monitor(folder):
    return Monitor(folder, command="python -m train_cli train", task="news", fusion="last-layer")


def status(folder):
    return json.loads((folder / "status.json").read_text())


def test_the_status_says_what_runs_and_how_it_ended(tmp_path):
    with monitor(tmp_path) as running:
        assert (status(tmp_path)["state"], status(tmp_path)["phase"]) == ("running", "preparing")
        running.at(TRAINING, 7, 40)
    found = status(tmp_path)
    assert (found["state"], found["phase"], found["update"], found["updates"]) == (
        "finished",
        "training",
        7,
        40,
    )
    assert (found["command"], found["task"]) == ("python -m train_cli train", "news")


@pytest.mark.parametrize(
    ("error", "state", "problem"),
    [
        (KeyboardInterrupt(), "stopped", ""),
        (RuntimeError("out of memory"), "failed", "out of memory"),
        (MemoryError(), "failed", "MemoryError"),
    ],
)
def test_the_status_says_why_it_ended_early(tmp_path, error, state, problem):
    with pytest.raises(type(error)), monitor(tmp_path):
        raise error
    assert (status(tmp_path)["state"], status(tmp_path)["problem"]) == (state, problem)


def test_the_heartbeat_is_renewed_while_one_step_takes_long(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    with monitor(tmp_path) as running:
        running.at(WARM_START, 3, 9)
        for _ in range(1_000):  # of the thread's beats, one must come
            if status(tmp_path)["update"] == 3:
                break
            running._ended.wait(0.01)
        assert status(tmp_path)["update"] == 3


def test_a_resumed_training_keeps_the_time_of_its_first_start(tmp_path):
    with monitor(tmp_path):
        pass
    old = status(tmp_path)
    (tmp_path / "status.json").write_text(json.dumps(old | {"started": "2020-01-01T00:00:00+00:00"}))
    with monitor(tmp_path):
        assert status(tmp_path)["started"] == "2020-01-01T00:00:00+00:00"


def test_a_status_that_cannot_be_written_does_not_end_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "write_json", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with monitor(tmp_path) as running:
        running.log(10, 1.0, loss=0.5)
    assert read_status(tmp_path / "status.json") is None
    assert len(read_run(tmp_path, datetime.now(UTC)).training) == 1


def test_lines_that_will_be_written_again_are_forgotten_phase_by_phase(tmp_path):
    running = monitor(tmp_path)
    for update in (50, 100):
        running.log(update, 1.0, phase=WARM_START, loss=2.0)
    for update in (10, 20):
        running.log(update, 2.0, loss=1.0)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"update": 30, "seco')
    running.trim(training=10, warm_start=float("inf"))
    kept = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line.get("phase"), line["update"]) for line in kept] == [
        ("warm start", 50),
        ("warm start", 100),
        (None, 10),
    ]
    running.trim(training=0, warm_start=50)
    assert [run.update for run in read_run(tmp_path, datetime.now(UTC)).warm_start] == [50]


def test_a_process_that_is_not_the_first_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Monitor(None) as silent:
        silent.at(TRAINING, 1, 2)
        silent.log(1, 1.0, loss=1.0)
        silent.trim(training=0, warm_start=0)
    assert not list(tmp_path.iterdir())


def test_what_is_no_number_is_null_in_the_log_and_no_number_for_who_reads_it(tmp_path):
    running = monitor(tmp_path)
    running.log(10, 1.0, loss=float("nan"), rates=(float("inf"), 1.0))
    running.log(20, 2.0, dev={"en": {"loss": float("nan"), "n": 3}})
    written = (tmp_path / "metrics.jsonl").read_text()
    assert [json.loads(line, parse_constant=pytest.fail) for line in written.splitlines()] == [
        {"update": 10, "seconds": 1.0, "loss": None, "rates": [None, 1.0]},
        {"update": 20, "seconds": 2.0, "dev": {"en": {"loss": None, "n": 3}}},
    ]
    run = read_run(tmp_path, datetime.now(UTC))
    assert math.isnan(run.training[0].loss)
    assert math.isnan(run.dev[0].mean)
    assert run.unreadable == 0
