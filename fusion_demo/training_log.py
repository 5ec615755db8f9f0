"""What a training writes while it runs, and how it is read.

`python -m train_cli train` writes, the page reads:

    metrics.jsonl   a line every few updates: update, seconds, loss …; dev results; the warm start's lines
    status.json     what the training does at this moment, replaced as a whole every few seconds

Nothing here starts, stops or touches a training. A line that is half written is passed over.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fusion_demo.checkpoint import CONFIG, read_checkpoint_info
from fusion_demo.errors import CheckpointError

LOG, STATUS = "metrics.jsonl", "status.json"

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"
STALE, UNKNOWN = "stale", "unknown"
WRITTEN_STATES = (RUNNING, FINISHED, STOPPED, FAILED)
"""What a status file says; a run is also `STALE` if nobody renews that it runs, `UNKNOWN` without a file."""

PREPARING, WARM_START, TRAINING = PHASES = ("preparing", "warm start", "training")

BEAT_SECONDS = 10
STALE_SECONDS = 6 * BEAT_SECONDS
"""Age of a status file after which a training that says that it runs is not believed."""

LARGEST_LOG, LARGEST_STATUS = 64_000_000, 100_000


@dataclass(frozen=True, kw_only=True)
class TrainingStatus:
    """What a training does at a moment.

    Attributes:
        state: One of `WRITTEN_STATES`.
        command: The exact command, fit to be pasted into a shell.
        task: What is trained.
        fusion: Of the bridge.
        phase: One of `PHASES`.
        update: Updates made in this phase.
        updates: Updates planned in this phase; 0 while that is not known.
        started: When the training was first started, as ISO 8601 in UTC.
        heartbeat: When this was written.
        problem: Why it failed, for a reader.
    """

    state: str
    command: str
    task: str
    fusion: str
    phase: str
    update: int
    updates: int
    started: str
    heartbeat: str
    problem: str = ""


@dataclass(frozen=True)
class LossPoint:
    """Loss at an update; `seconds` since the training began, its stops left out."""

    update: int
    seconds: float
    loss: float


@dataclass(frozen=True)
class DevPoint:
    """Dev results at an update: language → {"accuracy" or "loss", "n" …}."""

    update: int
    seconds: float
    languages: Mapping[str, Mapping[str, Any]]

    @property
    def measure(self) -> str:
        """What the results are compared by: "accuracy", or "loss" of a task that is answered freely."""
        return "accuracy" if all("accuracy" in row for row in self.languages.values()) else "loss"

    @property
    def mean(self) -> float:
        """The unweighted mean over languages: a fraction, or nats an answer token."""
        return sum(row[self.measure] for row in self.languages.values()) / len(self.languages)


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One training, as it is found on disk.

    Attributes:
        name: Of its folder.
        state: `RUNNING`, `FINISHED`, `STOPPED`, `FAILED`, `STALE`, or `UNKNOWN`.
        command: The exact command; empty if nobody wrote it down.
        task: What is trained; empty if not known.
        fusion: Of the bridge; empty if not known.
        phase: One of `PHASES`.
        update: Updates made in this phase.
        updates: Updates planned in this phase; 0 if not known.
        started: When it was first started, or None.
        silent_seconds: Age of the last sign of life, or None without a status file.
        problem: Why it failed.
        warm_start: Losses of the warm start.
        training: Losses of the training through the LLM.
        dev: Dev results.
        unreadable: Lines of the log that hold nothing readable, the last one left out.
    """

    name: str
    state: str
    command: str = ""
    task: str = ""
    fusion: str = ""
    phase: str = TRAINING
    update: int = 0
    updates: int = 0
    started: datetime | None = None
    silent_seconds: float | None = None
    problem: str = ""
    warm_start: list[LossPoint] = field(default_factory=list)
    training: list[LossPoint] = field(default_factory=list)
    dev: list[DevPoint] = field(default_factory=list)
    unreadable: int = 0


def utc_text(moment: datetime) -> str:
    """Return a moment as it stands in a status file. Example: "2026-11-25T16:42:03+00:00"."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def run_names(root: Path) -> list[str]:
    """Return the names of the folders directly below one that hold a training, the last changed first."""
    changed = {}
    for file in (LOG, STATUS):
        for path in root.glob(f"*/{file}"):
            if not path.parent.name.startswith("."):
                changed[path.parent.name] = max(changed.get(path.parent.name, 0.0), _changed(path))
    return sorted(changed, key=lambda name: (-changed[name], name))


def run_version(folder: Path) -> tuple[float, int]:
    """Return what changes whenever something is added to the log of a training."""
    try:
        found = (folder / LOG).stat()
    except OSError:
        return (0.0, 0)
    return (found.st_mtime_ns, found.st_size)


def read_run(folder: Path, now: datetime) -> TrainingRun:
    """Read one training.

    What was trained before there were status files is `FINISHED` if its last update is the last one planned,
    and `UNKNOWN` otherwise.

    Args:
        folder: Where it writes.
        now: To tell how old its last sign of life is.
    """
    warm_start, training, dev, unreadable = _read_log(folder / LOG)
    curves = {"warm_start": warm_start, "training": training, "dev": dev, "unreadable": unreadable}
    status = read_status(folder / STATUS)
    if status is None:
        return TrainingRun(**_from_checkpoint(folder, training, dev), **curves)
    silent = (now - datetime.fromisoformat(status.heartbeat)).total_seconds()
    stale = status.state == RUNNING and silent > STALE_SECONDS
    return TrainingRun(
        name=folder.name,
        state=STALE if stale else status.state,
        command=status.command,
        task=status.task,
        fusion=status.fusion,
        phase=status.phase,
        update=status.update,
        updates=status.updates,
        started=datetime.fromisoformat(status.started),
        silent_seconds=max(0.0, silent),
        problem=status.problem,
        **curves,
    )


def read_status(path: Path) -> TrainingStatus | None:
    """Return what a status file says, or None if it is missing or says nothing sensible."""
    try:
        if path.stat().st_size > LARGEST_STATUS:
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
        status = TrainingStatus(**values)
        hints = {f.name: f.type for f in fields(TrainingStatus)}
        if not all(isinstance(value, hints[name]) for name, value in values.items()):
            return None
        if status.state not in WRITTEN_STATES or status.phase not in PHASES:
            return None
        for moment in (status.started, status.heartbeat):
            if datetime.fromisoformat(moment).tzinfo is None:
                return None
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return status


def _from_checkpoint(folder: Path, training: list[LossPoint], dev: list[DevPoint]) -> dict[str, Any]:
    """What the checkpoint in a folder says of its training, where there is one."""
    last = max((point.update for point in (*training, *dev)), default=0)
    found: dict[str, Any] = {"name": folder.name, "state": UNKNOWN, "update": last}
    if not (folder / CONFIG).exists():
        return found
    try:
        info = read_checkpoint_info(folder)
    except CheckpointError:
        return found
    planned = info.metrics.get("training", {}).get("planned_updates", 0)
    if not isinstance(planned, int) or planned < 0:
        planned = 0
    return {
        **found,
        "state": FINISHED if 0 < planned <= last else UNKNOWN,
        "command": info.command,
        "task": info.task,
        "fusion": info.bridge.fusion,
        "updates": planned,
    }


def _read_log(path: Path) -> tuple[list[LossPoint], list[LossPoint], list[DevPoint], int]:
    warm_start: list[LossPoint] = []
    training: list[LossPoint] = []
    dev: list[DevPoint] = []
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_LOG).decode(errors="replace")
    except OSError:
        return warm_start, training, dev, 0
    unreadable = 0
    *whole, _ = text.split("\n")  # what follows the last line feed is being written
    for line in filter(None, whole):
        try:
            values = json.loads(line)
            place = (_whole(values["update"]), _number(values["seconds"]))
            if "dev" in values:
                dev.append(DevPoint(*place, _languages(values["dev"])))
            else:
                point = LossPoint(*place, _measured(values["loss"]))
                (warm_start if values.get("phase") == WARM_START else training).append(point)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            unreadable += 1
    return warm_start, training, dev, unreadable


def _languages(values: Any) -> dict[str, dict[str, Any]]:
    if not values:
        raise ValueError("no language")
    measures = {"accuracy" if "accuracy" in row else "loss" for row in values.values()}
    if len(measures) > 1:
        raise ValueError("accuracies and losses")
    (measure,) = measures
    return {code: {**row, measure: _measured(row[measure])} for code, row in values.items()}


def _measured(value: Any) -> float:
    """Read what was measured: null, or before that NaN, where it was not finite."""
    return math.nan if value is None else _number(value, finite=False)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(value)
    return value


def _number(value: Any, *, finite: bool = True) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or (finite and not math.isfinite(value)):
        raise ValueError(value)
    return float(value)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0
