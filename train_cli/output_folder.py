"""The folder that a training writes into: free or to be gone on with, held by one training, writable."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fusion_demo.checkpoint import CONFIG
from fusion_demo.errors import CheckpointError, ConfigError
from fusion_demo.files import remove_unfinished
from fusion_demo.training_log import FINISHED, LOG, STATUS, read_status
from train_cli.state import STATE
from train_cli.trainer import LAST
from train_cli.warm_start import WARM_STARTS

LOCK, FORGOTTEN = ".lock", ".forgotten"


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder for a `with` block, which ends with a sentence if it cannot write.

    The system ends the hold of a process that is killed.

    Raises:
        CheckpointError: another training holds the folder, or nothing can be written there.
    """
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        for held in (folder, folder / LAST, *(folder / LAST / name for name in WARM_STARTS)):
            remove_unfinished(held)
    except Timeout:
        raise CheckpointError(
            f"Another training is writing to {folder}. Wait for it, stop it, or give another --output."
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"{_refusal(folder, error)} Give another --output, or make it writable."
        ) from None
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{_refusal(folder, error)} What was saved before is whole. Make room, then go on with the same "
            "command and --resume."
        ) from error
    finally:
        lock.release()


def has_state(folder: Path) -> bool:
    """Tell whether a training has saved something to go on from."""
    return any(
        (folder / path / STATE).exists() for path in (LAST, *(f"{LAST}/{name}" for name in WARM_STARTS))
    )


def check_free(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that holds what nobody asked to change.

    A training that was stopped before it saved anything may be resumed, too: it starts again.

    Raises:
        ConfigError: there is nothing to resume; or a training, and neither option was given.
    """
    started = has_state(folder)
    if resume:
        if not (started or _was_stopped(folder)):
            raise ConfigError(f"{folder} holds no training to resume. Leave out --resume to start one.")
    elif (started or (folder / CONFIG).exists()) and not overwrite:
        raise ConfigError(
            f"{folder} already holds a training. Use --resume to go on with it, --overwrite to replace "
            "it, or another --output."
        )


def forget_training(folder: Path) -> None:
    """Remove the state and the log of a training; its checkpoint stays until there is a better one."""
    forgotten = folder / FORGOTTEN
    shutil.rmtree(forgotten, ignore_errors=True)
    if (folder / LAST).exists():
        (folder / LAST).rename(forgotten)  # all states at once: none of them can be gone on with by mistake
    for name in (STATUS, LOG):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(forgotten, ignore_errors=True)


def _was_stopped(folder: Path) -> bool:
    status = read_status(folder / STATUS)
    return status is not None and status.state != FINISHED


def _refusal(folder: Path, error: OSError) -> str:
    return f"Nothing can be written to {folder}: {error.strerror or error}."
