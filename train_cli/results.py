"""`results`: writes docs/results.md from the metrics files, or checks that it is up to date."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import METRICS, list_checkpoints
from fusion_demo.config import FUSION_NAMES
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.evaluation import mean_accuracy, percent
from fusion_demo.files import write_atomically
from fusion_demo.languages import LANGUAGES, get_language
from fusion_demo.tasks import TASKS
from train_cli.evaluate import new_file

REMAKE = "python -m train_cli results"
MISSING = "–"
SPLITS = ("test", "dev")
INTRODUCTION = f"""# Results

Made by `{REMAKE}` from `checkpoints/*/metrics.json` and `docs/metrics/*.json`; do not edit by hand.

Accuracy in per cent with its 95 % interval, and the number of texts. Every system was trained on English
alone and is zero-shot in every other language. Intervals of one language are Wilson's. Those of a mean add up
the languages' own (Zou and Donner, 2008): they speak of other texts in the same languages, not of other
languages.
"""


@dataclass(frozen=True)
class SystemResults:
    """One row of the tables.

    Attributes:
        system: Its name: that of the checkpoint without the task, or of the baseline.
        source: The checkpoint or metrics file that it comes from.
        task: Name of the task.
        reports: "test" and "dev" → what `evaluate` writes.
        training: How it was trained, in one line.
        command: The exact command that trains it.
    """

    system: str
    source: str
    task: str
    reports: dict[str, dict[str, Any]]
    training: str
    command: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `results`."""
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path("checkpoints"),
        help="folder of checkpoints (default: checkpoints)",
    )
    parser.add_argument(
        "--metrics",
        type=Path,
        default=Path("docs/metrics"),
        help="folder of the baselines' metrics files (default: docs/metrics)",
    )
    parser.add_argument(
        "--output",
        type=new_file,
        default=Path("docs/results.md"),
        help="file to write (default: docs/results.md)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the file is not up to date"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the results page, or check it.

    Raises:
        FusionDemoError: a metrics file cannot be used, or the page is not up to date.
    """
    page = render_results(read_systems(arguments.checkpoints, arguments.metrics)).encode()
    if not arguments.check:
        write_atomically(arguments.output, page)
    elif not arguments.output.is_file() or arguments.output.read_bytes() != page:
        raise DataError(f"{arguments.output} is not up to date. Run `{REMAKE}`.")


def read_systems(checkpoints: Path, metrics: Path) -> list[SystemResults]:
    """Return what was measured: checkpoints in the order of the fusions, then baselines by file name.

    Raises:
        CheckpointError: a checkpoint is damaged.
        DataError: a metrics file is damaged.
    """
    infos = list_checkpoints(checkpoints)
    infos.sort(key=lambda info: FUSION_NAMES.index(info.bridge.fusion))
    return [_read_checkpoint(info) for info in infos] + [
        _read_baseline(path) for path in sorted(metrics.glob("*.json"))
    ]


def render_results(systems: Sequence[SystemResults]) -> str:
    """Return the page: for each task and split a summary, every language, and how each system was made."""
    parts = [INTRODUCTION]
    for name, task in TASKS.items():
        rows = [row for row in systems if row.task == name and row.reports]
        for split in SPLITS:
            measured = [row for row in rows if split in row.reports]
            if measured:
                parts.append(f"## {task.title}, {split} split\n")
                parts.append(_summary(measured, split))
                parts.append(_every_language(measured, split))
        if rows:
            parts.append(f"## {task.title}: how each system was made\n")
            parts.extend(_provenance(row) for row in rows)
    if len(parts) == 1:
        parts.append("Nothing has been measured yet.\n")
    return "\n".join(parts)


def cell(result: Mapping[str, Any]) -> str:
    """Return an accuracy as the tables show it.

    Example: 0.8 of 500 texts, interval 0.763 to 0.833 -> "80.0 (76.3–83.3; n 500)".
    """
    low, high = result["interval"]
    return f"{percent(result['accuracy'])} ({percent(low)}–{percent(high)}; n {result['n']:,})"


def _read_checkpoint(info: CheckpointInfo) -> SystemResults:
    training = info.metrics.get("training", {})
    return SystemResults(
        system=info.name.removeprefix(f"{info.task}-"),
        source=f"checkpoints/{info.name}",
        task=info.task,
        reports=_read_reports(info.metrics, info.folder / METRICS),
        training=f"{info.bridge.fusion} fusion, {training.get('examples', 0):,} English examples, "
        f"{training.get('updates', 0):,} updates, seed {info.training.seed}",
        command=info.command,
    )


def _read_baseline(path: Path) -> SystemResults:
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        training = metrics["training"]
        scaling = "standardised" if training["standardised"] else "unscaled"
        return SystemResults(
            system=metrics["system"],
            source=f"docs/metrics/{path.name}",
            task=metrics["task"],
            reports=_read_reports(metrics, path),
            training=f"{training['examples']:,} English examples, {scaling} features and "
            f"C = {training['inverse_regularisation']:g} (both chosen on the English dev split), "
            f"encoder prefix {metrics['encoder']['encoder_prefix']!r}, seed {metrics['seed']}",
            command=metrics["command"],
        )
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path} is no metrics file of `probe`. Make it again, or remove it.") from None


def _read_reports(metrics: Mapping[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    reports = {split: metrics[split] for split in SPLITS if split in metrics}
    for split, report in reports.items():
        try:
            for code, result in report["languages"].items():
                get_language(code)
                cell(result)
        except (ConfigError, ValueError, KeyError, TypeError, AttributeError):
            raise DataError(f"{path}: '{split}' is no result of `evaluate`. Evaluate again.") from None
    return reports


def _summary(rows: Sequence[SystemResults], split: str) -> str:
    """English, the mean of the Indic languages, Sinhala, and the mean of all but English."""
    codes = _codes(rows, split)
    indic = [code for code in codes if "indic" in LANGUAGES[code].groups]
    foreign = [code for code in codes if code != "en"]
    columns = {
        "English": ["en"],
        f"mean of {len(indic)} Indic": indic,
        "Sinhala": ["si"],
        f"mean of all {len(foreign)} but English": foreign,
    }
    columns = {title: part for title, part in columns.items() if set(part) & set(codes)}
    body = [
        [row.system, *(_mean_cell(row.reports[split]["languages"], part) for part in columns.values())]
        for row in rows
    ]
    return _table(["system", *columns], body)


def _every_language(rows: Sequence[SystemResults], split: str) -> str:
    body = [
        [LANGUAGES[code].english_name, *(_mean_cell(row.reports[split]["languages"], [code]) for row in rows)]
        for code in _codes(rows, split)
    ]
    return _table(["language", *(row.system for row in rows)], body)


def _mean_cell(languages: Mapping[str, Mapping[str, Any]], codes: Sequence[str]) -> str:
    """The mean over languages; missing unless every one of them was measured."""
    if any(code not in languages for code in codes):
        return MISSING
    return cell(mean_accuracy([languages[code] for code in codes]))


def _codes(rows: Sequence[SystemResults], split: str) -> list[str]:
    """The languages that any of the systems was measured in, in the order of their English names."""
    codes = {code for row in rows for code in row.reports[split]["languages"]}
    return sorted(codes, key=lambda code: LANGUAGES[code].english_name)


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _provenance(row: SystemResults) -> str:
    evaluations = [report["command"] for report in row.reports.values() if "command" in report]
    commands = "".join(f"    {command}\n" for command in (row.command, *evaluations))
    return f"**{row.system}** (`{row.source}`): {row.training}.\n\n{commands}"
