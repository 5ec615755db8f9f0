"""The files of docs/metrics: baselines and evaluations, comparisons, layers, echoes and answers, speed."""

import json
from pathlib import Path
from typing import Any

from fusion_demo.errors import DataError

COMPARISON, LAYERS, WRITING, BENCHMARK = "compare-", "layers-", ("echo-", "chat-"), "benchmark-"
"""How the names of the files begin that `compare`, `layers`, `echo`, `chat` and `benchmark` wrote; the other
files hold scores."""


def score_files(folder: Path) -> list[Path]:
    """Return the files of scores in a folder, by name."""
    others = (COMPARISON, LAYERS, *WRITING, BENCHMARK)
    return [path for path in sorted(folder.glob("*.json")) if not path.name.startswith(others)]


def read_comparisons(folder: Path) -> dict[Path, dict[str, Any]]:
    """Return what `compare` wrote to compare-NAME.json, by name.

    Raises:
        DataError: a file is not JSON.
    """
    return {path: read_metrics(path, "compare") for path in sorted(folder.glob(f"{COMPARISON}*.json"))}


def read_layer_reports(folder: Path) -> dict[Path, dict[str, Any]]:
    """Return what `layers` wrote to layers-NAME.json, by name.

    Raises:
        DataError: a file is not JSON.
    """
    return {path: read_metrics(path, "layers") for path in sorted(folder.glob(f"{LAYERS}*.json"))}


def read_writing(folder: Path) -> dict[Path, dict[str, Any]]:
    """Return what `echo` and `chat` wrote to echo-NAME.json and chat-NAME.json, by name.

    Raises:
        DataError: a file is not JSON.
    """
    paths = [path for begin in WRITING for path in sorted(folder.glob(f"{begin}*.json"))]
    return {path: read_metrics(path, path.name.partition("-")[0]) for path in paths}


def read_benchmarks(folder: Path) -> dict[Path, dict[str, Any]]:
    """Return what `benchmark` wrote to benchmark-NAME.json, by name.

    Raises:
        DataError: a file is not JSON.
    """
    return {path: read_metrics(path, "benchmark") for path in sorted(folder.glob(f"{BENCHMARK}*.json"))}


def read_metrics(path: Path, commands: str) -> dict[str, Any]:
    """Read one file.

    Args:
        path: The file.
        commands: What writes such files, for the error's text.

    Raises:
        DataError: it does not hold a JSON object.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        metrics = None
    if not isinstance(metrics, dict):
        raise broken(path, commands)
    return metrics


def broken(path: Path, commands: str) -> DataError:
    """Return the error for a file that is not what its name says."""
    return DataError(f"{path} is no metrics file of `{commands}`. Make it again, or remove it.")
