"""What was measured: checkpoints and baselines, each with its scores by split."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_demo.card import CheckpointInfo, describe_training
from fusion_demo.checkpoint import METRICS, list_checkpoints
from fusion_demo.config import FUSION_NAMES
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.languages import get_language
from fusion_demo.results.files import broken, read_metrics, score_files
from fusion_demo.results.scores import SCORES, cell, score_cell
from fusion_demo.tasks import TASKS

SPLITS = ("test", "dev")
SCORE_COMMANDS = "evaluate"
FREE_OPTIONS = ("seed", "output")
"""Options of a training in which checkpoints of one recipe may differ."""
GLOBAL_OPTION = "fusion_score_rate"
"""The option that changes nothing but trainings of global-softmax."""
SEED = re.compile(r"-seed-?(\d+)$")
"""How the name of another seed's checkpoint ends."""


@dataclass(frozen=True)
class SystemResults:
    """One system of the tables.

    Attributes:
        system: Its name: that of the checkpoint without the task, or of the baseline.
        source: The checkpoint or metrics file that it comes from.
        task: Name of the task that it was measured on.
        reports: "test" and "dev" → what `evaluate` writes.
        training: How it was trained, in one line.
        command: The exact command that makes it; empty if its reports hold all commands there are.
        recipe: The name that it shares with systems that differ from it in the seed alone; empty if
            there is none.
        name: Its name in comparisons: that of the checkpoint, or of the baseline.
    """

    system: str
    source: str
    task: str
    reports: dict[str, dict[str, Any]]
    training: str
    command: str
    recipe: str = ""
    name: str = ""


def read_systems(checkpoints: Path, metrics: Path) -> list[SystemResults]:
    """Return what was measured: checkpoints in the order of the fusions, then baselines by file name.

    Raises:
        CheckpointError: a checkpoint is damaged.
        DataError: a metrics file is damaged.
    """
    infos = list_checkpoints(checkpoints)
    names = name_checkpoints(infos)
    infos.sort(key=lambda info: (FUSION_NAMES.index(info.bridge.fusion), names[info.name]))
    found = [_read_checkpoint(info, *names[info.name]) for info in infos]
    by_name = {info.name: info for info in infos}
    others = [_read_file(path, by_name, names) for path in score_files(metrics)]
    # A checkpoint's scores on other tasks stand in files; in the tables they come before the baselines.
    order = [info.name for info in infos]
    others.sort(key=lambda pair: order.index(pair[1]) if pair[1] in order else len(order))
    found += [system for system, _ in others]
    recipes = {(system.task, system.recipe) for system in found}
    return [
        dataclasses.replace(system, recipe=system.system)
        if not system.recipe and (system.task, system.system) in recipes
        else system
        for system in found
    ]


def name_checkpoints(infos: Sequence[CheckpointInfo]) -> dict[str, tuple[str, str]]:
    """Return checkpoint's name → its name in the tables, and the name of its recipe.

    Checkpoints that differ in the seed alone (and the folder they were written to) share a recipe and
    carry their seed in the name. A checkpoint without such a sibling has no recipe.

    Example: "news-a" (seed 0) and "news-a-seed1" (seed 1) of one recipe -> ("a, seed 0", "a") and
    ("a, seed 1", "a"); alone, "news-a" -> ("a", "").
    """
    recipes: dict[str, list[CheckpointInfo]] = {}
    for info in infos:
        training = dataclasses.asdict(info.training)
        free = FREE_OPTIONS if info.bridge.fusion == "global-softmax" else (*FREE_OPTIONS, GLOBAL_OPTION)
        fixed = {name: value for name, value in training.items() if name not in free}
        facts = [info.task, dataclasses.asdict(info.bridge), fixed, info.fingerprints]
        recipes.setdefault(json.dumps(facts, sort_keys=True), []).append(info)
    names = {}
    for members in recipes.values():
        plain = {info.name: info.name.removeprefix(f"{info.task}-") for info in members}
        seeds = {info.training.seed for info in members}
        if len(seeds) == 1 or len(seeds) < len(members):
            names |= {name: (short, "") for name, short in plain.items()}
            continue
        recipe = min((SEED.sub("", short) for short in plain.values()), key=len)
        names |= {info.name: (f"{recipe}, seed {info.training.seed}", recipe) for info in members}
    return names


def _read_checkpoint(info: CheckpointInfo, system: str, recipe: str) -> SystemResults:
    return SystemResults(
        system=system,
        source=f"checkpoints/{info.name}",
        task=info.task,
        reports=_check_reports(info.metrics, info.folder / METRICS),
        training=_training_of(info),
        command=info.command,
        recipe=recipe,
        name=info.name,
    )


def _training_of(info: CheckpointInfo) -> str:
    return f"{info.bridge.fusion} fusion, {describe_training(info)}"


def _read_file(
    path: Path, infos: Mapping[str, CheckpointInfo], names: Mapping[str, tuple[str, str]]
) -> tuple[SystemResults, str]:
    """Read a baseline, or what a checkpoint scored on another task; return the checkpoint's name too."""
    metrics = read_metrics(path, SCORE_COMMANDS)
    try:
        checkpoint = metrics.get("checkpoint", "")
        info = infos.get(checkpoint)
        system, recipe = names.get(checkpoint) or _name_absent(metrics.get("system") or checkpoint, metrics)
        found = SystemResults(
            system=system,
            source=f"docs/metrics/{path.name}",
            task=metrics["task"],
            reports=_check_reports({metrics["split"]: metrics}, path),
            training=_training_of(info) if info else _description(metrics),
            command="",
            recipe=recipe,
            name=metrics.get("system") or checkpoint,
        )
        if not system or not found.reports or found.task not in TASKS:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise broken(path, SCORE_COMMANDS) from None
    return found, checkpoint


def _name_absent(name: str, metrics: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name in the tables, and the recipe, of what is no checkpoint here, or is none any more."""
    short = name.removeprefix(f"{metrics['task']}-")
    seed = SEED.search(short)
    return (f"{SEED.sub('', short)}, seed {seed[1]}", SEED.sub("", short)) if seed else (short, "")


def _description(metrics: Mapping[str, Any]) -> str:
    if metrics.get("checkpoint"):
        return metrics.get("description", "a bridge that is not among the checkpoints")
    return metrics["description"]


def _check_reports(metrics: Mapping[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    reports = {split: metrics[split] for split in SPLITS if split in metrics}
    for split, report in reports.items():
        try:
            for code, result in report["languages"].items():
                get_language(code)
                cell(result)
                for score in SCORES:
                    score_cell(report["languages"], score, [code])
        except (ConfigError, ValueError, KeyError, TypeError, AttributeError):
            raise DataError(f"{path}: '{split}' is no result of `evaluate`. Evaluate again.") from None
    return reports
