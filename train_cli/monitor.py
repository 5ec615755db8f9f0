"""What a training says of itself while it runs, for the page and for any tracker: see `training_log`."""

import json
import math
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fusion_demo.files import finite, write_atomically, write_json
from fusion_demo.training_log import (
    BEAT_SECONDS,
    FAILED,
    FINISHED,
    LOG,
    PREPARING,
    RUNNING,
    STATUS,
    STOPPED,
    TRAINING,
    WARM_START,
    TrainingStatus,
    read_status,
    utc_text,
)

DEV = "dev"


class Monitor:
    """Writes metrics.jsonl and, as a context manager, keeps status.json fresh from a thread of its own.

    The thread says that the training lives even where one step takes minutes. On leaving the context, the
    status says how it ended: finished, stopped by Ctrl-C, or failed. A training that is killed leaves a
    status that grows old.

    Args:
        folder: Where both files go; None for a process that writes nothing.
        command: The exact command of the training.
        task: Name of the task.
        fusion: Name of the fusion.
    """

    def __init__(self, folder: Path | None, *, command: str = "", task: str = "", fusion: str = "") -> None:
        self._folder = folder
        now = utc_text(datetime.now(UTC))
        self._status = TrainingStatus(
            state=RUNNING,
            command=command,
            task=task,
            fusion=fusion,
            phase=PREPARING,
            update=0,
            updates=0,
            started=now,
            heartbeat=now,
        )
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        """Write the first status; a training that is resumed keeps the time of its first start."""
        if self._folder is not None:
            before = read_status(self._folder / STATUS)
            if before is not None:
                self._status = replace(self._status, started=before.started)
            self._write()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write how the training ended."""
        if self._folder is None:
            return
        self._ended.set()
        self._thread.join()
        state, problem = FINISHED, ""
        if error is not None:
            stopped = isinstance(error, KeyboardInterrupt)
            state, problem = (STOPPED, "") if stopped else (FAILED, str(error) or type(error).__name__)
        self._status = replace(self._status, state=state, problem=problem)
        self._write()

    def at(self, phase: str, update: int, updates: int) -> None:
        """Note where the training stands; the thread writes it down.

        Args:
            phase: One of `PHASES`.
            update: Updates made in this phase.
            updates: Updates planned in it.
        """
        with self._lock:
            self._status = replace(self._status, phase=phase, update=update, updates=updates)

    def log(self, update: int, seconds: float, *, phase: str = TRAINING, **values: Any) -> None:
        """Add a line to metrics.jsonl; those of the warm start are marked as such.

        A number that is not finite is written as null.
        """
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        marked = {"phase": phase} if phase == WARM_START else {}
        line = {**marked, "update": update, "seconds": round(seconds, 3), **values}
        with (self._folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(finite(line), allow_nan=False) + "\n")

    def trim(self, *, training: int, warm_start: float, dev: int | None = None) -> None:
        """Forget the lines that will be written again, and what a crash left half written.

        Args:
            training: Lines up to this update of the training stay.
            warm_start: Lines up to this update of the warm start stay.
            dev: Dev results up to this update stay; by default, as the other lines of the training.
        """
        if self._folder is None or not (self._folder / LOG).exists():
            return
        lines = (self._folder / LOG).read_text(encoding="utf-8").splitlines()
        last = {TRAINING: training, WARM_START: warm_start, DEV: training if dev is None else dev}
        kept = [line for line in lines if _fits(line, last)]
        write_atomically(self._folder / LOG, "".join(f"{line}\n" for line in kept).encode())

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self._write()

    def _write(self) -> None:
        assert self._folder is not None
        with self._lock:
            status = replace(self._status, heartbeat=utc_text(datetime.now(UTC)))
        try:
            write_json(self._folder / STATUS, asdict(status))
        except OSError:
            return  # a full disk must not end a training; the next beat tries again


def _fits(line: str, last: dict[str, float]) -> bool:
    try:
        values = json.loads(line)
        kind = DEV if DEV in values else values.get("phase", TRAINING)
        return values["update"] <= last.get(kind, -math.inf)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
