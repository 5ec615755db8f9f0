"""Trainings as they are found on disk: running, ended, killed, damaged."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest

from fusion_demo.training_log import (
    STALE_SECONDS,
    TrainingStatus,
    read_run,
    read_status,
    run_names,
    run_version,
    utc_text,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "news").mkdir()
    return tmp_path / "news"


def write_status(folder, *, age=5.0, **changes):
    values = {
        "state": "running",
        "command": "python -m train_cli train --task news",
        "task": "news",
        "fusion": "last-layer",
        "phase": "training",
        "update": 20,
        "updates": 60,
        "started": utc_text(NOW - timedelta(minutes=3)),
        "heartbeat": utc_text(NOW - timedelta(seconds=age)),
        "problem": "",
    }
    (folder / "status.json").write_text(json.dumps(values | changes))


def write_log(folder, *lines):
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text)


def test_a_running_training_has_its_curves_its_command_and_where_it_stands(folder):
    write_status(folder)
    write_log(
        folder,
        {"phase": "warm start", "update": 50, "seconds": 9.0, "loss": 2.0},
        {"update": 10, "seconds": 20.0, "loss": 0.5, "learning_rate": 0.001},
        {"update": 20, "seconds": 30.0, "dev": {"en": {"accuracy": 0.8, "n": 9}, "si": {"accuracy": 0.6}}},
    )
    run = read_run(folder, NOW)
    assert (run.name, run.state, run.phase, run.update, run.updates) == (
        "news",
        "running",
        "training",
        20,
        60,
    )
    assert (run.command, run.silent_seconds) == ("python -m train_cli train --task news", 5.0)
    assert run.started == NOW - timedelta(minutes=3)
    assert [(p.update, p.seconds, p.loss) for p in run.warm_start] == [(50, 9.0, 2.0)]
    assert [(p.update, p.seconds, p.loss) for p in run.training] == [(10, 20.0, 0.5)]
    (point,) = run.dev
    assert (point.measure, point.mean) == ("accuracy", pytest.approx(0.7))
    assert run.unreadable == 0


@pytest.mark.parametrize(
    ("state", "age", "found"),
    [
        ("running", STALE_SECONDS, "running"),
        ("running", STALE_SECONDS + 1, "stale"),
        ("running", -30.0, "running"),
        ("finished", 1e6, "finished"),
        ("stopped", 1e6, "stopped"),
        ("failed", 1e6, "failed"),
    ],
)
def test_only_a_training_that_says_that_it_runs_can_be_stale(folder, state, age, found):
    write_status(folder, state=state, age=age)
    run = read_run(folder, NOW)
    assert run.state == found
    assert run.silent_seconds >= 0


def test_a_line_that_is_being_written_is_passed_over_and_damage_is_counted(folder):
    write_status(folder)
    whole = {"update": 10, "seconds": 1.0, "loss": 0.5}
    write_log(folder, whole, '{"update": 20, "sec')
    assert (len(read_run(folder, NOW).training), read_run(folder, NOW).unreadable) == (1, 0)
    write_log(
        folder,
        "\x00\x00\n",
        "[]\n",
        '{"update": "10", "seconds": 1, "loss": 1}\n',
        '{"update": 10, "seconds": 1, "loss": "low"}\n',
        '{"update": 10, "seconds": NaN, "loss": 1}\n',
        '{"update": 10, "seconds": 1, "dev": {}}\n',
        '{"update": 10, "seconds": 1, "dev": {"en": {"accuracy": 1}, "si": {"loss": 1}}}\n',
        "\n",
        whole,
    )
    assert (len(read_run(folder, NOW).training), read_run(folder, NOW).unreadable) == (1, 7)
    (folder / "metrics.jsonl").write_bytes(b"\xff\xfe\n" + json.dumps(whole).encode() + b"\n")
    assert (len(read_run(folder, NOW).training), read_run(folder, NOW).unreadable) == (1, 1)


def test_a_loss_that_is_no_number_is_kept_as_such(folder):
    write_log(folder, '{"update": 10, "seconds": 1, "loss": NaN}\n')
    assert math.isnan(read_run(folder, NOW).training[0].loss)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "dancing"},
        {"phase": "tea"},
        {"update": "20"},
        {"heartbeat": "noon"},
        {"heartbeat": "2026-11-25T12:00:00"},
        {"extra": 1},
    ],
)
def test_a_status_that_says_nothing_sensible_counts_as_none(folder, changes):
    write_status(folder, **changes)
    assert read_status(folder / "status.json") is None
    assert read_run(folder, NOW).state == "unknown"


def test_a_missing_or_broken_status_is_none(folder):
    assert read_status(folder / "status.json") is None
    for text in ("", "[]", "{", "x" * 200_000, json.dumps({"state": "running"})):
        (folder / "status.json").write_text(text)
        assert read_status(folder / "status.json") is None


def test_a_written_status_is_read_back(folder):
    write_status(folder)
    status = read_status(folder / "status.json")
    assert isinstance(status, TrainingStatus)
    assert (status.update, status.problem) == (20, "")


def test_a_training_from_before_there_were_status_files_is_judged_by_its_last_update(
    tmp_path, write_checkpoint
):
    folder = tmp_path / "old"
    write_checkpoint(folder, fusion="global-softmax", task="news")
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metrics | {"training": {"planned_updates": 20}}))
    write_log(folder, {"update": 10, "seconds": 1.0, "loss": 0.5})
    run = read_run(folder, NOW)
    assert (run.state, run.update, run.updates, run.silent_seconds) == ("unknown", 10, 20, None)
    assert (run.command, run.task, run.fusion) == ("python -m train_cli train", "news", "global-softmax")
    write_log(folder, {"update": 20, "seconds": 1.0, "dev": {"en": {"accuracy": 0.5}}})
    assert read_run(folder, NOW).state == "finished"
    (folder / "config.json").write_text("{")
    assert (read_run(folder, NOW).state, read_run(folder, NOW).command) == ("unknown", "")


def test_the_folders_that_hold_a_training_are_named_the_last_changed_first(tmp_path):
    import os

    for age, name in enumerate(("c", "a", "b", ".hidden")):
        (tmp_path / name).mkdir()
        write_log(tmp_path / name, {"update": 1, "seconds": 1, "loss": 1})
        os.utime(tmp_path / name / "metrics.jsonl", (1e9 - age, 1e9 - age))
    (tmp_path / "empty").mkdir()
    write_status(tmp_path / "b")
    assert run_names(tmp_path) == ["b", "c", "a"]
    assert run_names(tmp_path / "nowhere") == []


def test_the_version_changes_with_the_log(folder):
    assert run_version(folder) == (0.0, 0)
    write_log(folder, {"update": 1, "seconds": 1, "loss": 1})
    first = run_version(folder)
    write_log(folder, *[{"update": 1, "seconds": 1, "loss": 1}] * 2)
    assert run_version(folder) != first
