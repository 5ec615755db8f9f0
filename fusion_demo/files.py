"""Files that are, at every moment, either the old ones or the new ones; and where a path may lead."""

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion_demo.errors import ConfigError, shown

UNFINISHED = ".part"
"""Ending of a file that is being written; one that stays was left by a process that was killed."""


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole: after a crash it holds the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = _stage(path, content)
    try:
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replace files that belong together; whoever finds the last of them finds all.

    All are written before the first is replaced, so that a full disk leaves the old ones as they were. If the
    last one changes, it is missing while the others are replaced.

    Args:
        folder: Where they are.
        contents: Name → content, in the order in which they are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staged: dict[str, Path] = {}
    try:
        for name, content in contents.items():
            staged[name] = _stage(folder / name, content)
        last = folder / name
        if last.exists() and last.read_bytes() != content:
            last.unlink()
        for name in contents:
            staged[name].replace(folder / name)
    except BaseException:
        for path in staged.values():
            path.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Replace a file by readable JSON, atomically."""
    write_atomically(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Return readable JSON as a file holds it."""
    return (json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def finite(value: Any) -> Any:
    """Return a value with None in place of numbers that JSON does not have, at any depth.

    Example: {"loss": nan} -> {"loss": None}.
    """
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left half written directly in a folder that nobody else writes to."""
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def _stage(path: Path, content: bytes) -> Path:
    """Write content to the disk, beside the file that it will replace."""
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED, delete=False
    ) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(0o644)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return Path(file.name)


def expand_home(path: str) -> str:
    """Return a path with the home folder in place of the "~" that it begins with, if it does.

    Raises:
        ConfigError: it begins with the home folder of a user that does not exist here.
    """
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        raise ConfigError(
            f"{shown(path)} begins with the home folder of a user that does not exist here. Write the whole "
            "path, or ./ before a name that begins with '~'."
        ) from None


def confined(folder: Path, name: str) -> Path:
    """Return `folder / name` if it lies inside `folder`.

    Raises:
        ConfigError: the name climbs out of the folder or is no plain relative path.
    """
    base = folder.resolve()
    path = (base / name).resolve() if "\0" not in name else base
    if path == base or base not in path.parents:
        raise ConfigError(f"'{name}' is not a name inside {folder.name}/. Give a plain name without '..'.")
    return path
