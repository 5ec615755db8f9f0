"""What a checkpoint says of itself: its facts, and the model card made from them."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_demo.config import BridgeConfig, TrainConfig
from fusion_demo.languages import LANGUAGES
from fusion_demo.pretrained.embedded import EMBEDDED, PREFIX

ACCURACY_HEADER = ("language", "accuracy %", "interval", "n")


@dataclass(frozen=True, kw_only=True)
class CheckpointInfo:
    """All of a checkpoint but its tensors.

    Attributes:
        folder: Where it lies; its last part is the checkpoint's name.
        task: Name of the task it was trained on.
        bridge: What rebuilds the bridge.
        training: The options it was trained with.
        command: The exact command that trains it again.
        data: What it was trained on: `description`, `licence`, `licence_id`; and `command`, if one wrote it.
        fingerprints: Of the frozen models, `encoder` and `llm`.
        metrics: `training`, and evaluations recorded under `dev` and `test`.
    """

    folder: Path
    task: str
    bridge: BridgeConfig
    training: TrainConfig
    command: str
    data: dict[str, str]
    fingerprints: dict[str, str]
    metrics: dict[str, Any]

    @property
    def name(self) -> str:
        """The checkpoint's name: that of its folder."""
        return self.folder.name


def render_card(info: CheckpointInfo) -> str:
    """Return the README.md of a checkpoint, in the form that the Hugging Face Hub reads."""
    facts = [f"| {name} | {value} |" for name, value in card_facts(info).items()]
    lines = [
        "---",
        "library_name: fusion-demo",
        "language: [en]",
        f"license: {info.data['licence_id']}",
        "tags: [fusion-bridge, layer-fusion, zero-shot, multilingual]",
        "---",
        "",
        f"# {info.name}",
        "",
        card_summary(info),
        "",
        "| | |",
        "|---|---|",
        *facts,
        "",
        "Train it again with",
        "",
        f"    {info.command}",
        "",
        *_data_command(info),
        "Use it with",
        "",
        f"    {use_command(info)}",
        "",
    ]
    for split, report in info.metrics.items():
        if split in ("dev", "test"):
            lines += _results(split, report)
    return "\n".join(lines)


def card_summary(info: CheckpointInfo) -> str:
    """Return what a checkpoint is, in two sentences; names stand in backticks."""
    return (
        f"A fusion bridge (`{info.bridge.fusion}`) for the task `{info.task}`, trained on English text "
        "alone. It holds the trained tensors only; the two frozen models are fetched separately."
    )


def card_facts(info: CheckpointInfo) -> dict[str, str]:
    """Return the facts of a checkpoint's card by name; names of models stand in backticks."""
    training = info.metrics.get("training", {})
    return {
        "encoder (frozen)": _describe_model(info.bridge.encoder),
        "LLM (frozen)": _describe_model(info.bridge.llm),
        "trained parameters": f"{training.get('trained_parameters', 0):,}",
        "training data": info.data["description"],
        "data licence": info.data["licence"],
        "training": (
            f"{describe_training(info)}, {training.get('seconds', 0) / 60:.0f} minutes on "
            f"{training.get('machine', '?')}"
        ),
    }


def use_command(info: CheckpointInfo) -> str:
    """Return the command that opens the page with a checkpoint."""
    return shlex.join(["python", "app.py", "--default-checkpoint", info.name])


def accuracy_rows(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return a row of `ACCURACY_HEADER` for each language of a report of `evaluate`.

    Example row: ("Odia", "50.0", "20.0 - 80.0", "10").
    """
    rows = []
    for code, row in report["languages"].items():
        low, high = row["interval"]
        interval = f"{100 * low:.1f} - {100 * high:.1f}"
        rows.append((LANGUAGES[code].english_name, f"{100 * row['accuracy']:.1f}", interval, str(row["n"])))
    return rows


def describe_training(info: CheckpointInfo) -> str:
    """Return how many examples and updates a checkpoint was trained with, and its seed.

    Example: "warm start of 7,010 English examples without the LLM, then 704 with it, 44 updates, seed 0".
    """
    training = info.metrics.get("training", {})
    warm_start = training.get("warm_start")
    examples, updates = training.get("examples", 0), training.get("updates", 0)
    if not warm_start:
        return f"{examples:,} English examples, {updates:,} updates, seed {info.training.seed}"
    return (
        f"warm start of {warm_start['examples']:,} English examples without the LLM, then {examples:,} with "
        f"it, {updates:,} updates, seed {info.training.seed}"
    )


def _data_command(info: CheckpointInfo) -> list[str]:
    if command := info.data.get("command"):
        return ["on what this command wrote", "", f"    {' '.join(command.split())}", ""]
    return []


def _describe_model(reference: str) -> str:
    model = EMBEDDED.get(reference.removeprefix(PREFIX))
    if model is None:
        return f"`{reference}`; for its licence see its own card"
    return f"`{reference}`: {model.description}; {model.licence}"


def _results(split: str, report: dict[str, Any]) -> list[str]:
    lines = [
        f"## Accuracy on the {split} split",
        "",
        "Zero-shot for every language but English; 95 % Wilson intervals. Measured with",
        "",
        f"    {report['command']}",
        "",
        f"| {' | '.join(ACCURACY_HEADER)} |",
        "|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in accuracy_rows(report)]
    return [*lines, f"| mean | {100 * report['mean']:.1f} | | |", ""]
