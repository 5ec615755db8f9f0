"""What a training's result depends on, kept beside its state: a training that is resumed must have the same.

`last/recipe.json` is written before the first state. What is not in it may differ: where the training writes,
how it is measured, where the models and data lie, and on which device they are.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion_demo.bridge import FusionBridge
from fusion_demo.card import CheckpointInfo
from fusion_demo.config import BridgeConfig, TrainConfig, flag_of
from fusion_demo.data import Example
from fusion_demo.errors import CheckpointError, ConfigError, shown
from fusion_demo.evaluation import describe_data
from fusion_demo.files import write_json
from fusion_demo.tasks import Task

RECIPE = "recipe.json"

FREE = {
    # What they name is in the fingerprints.
    *("encoder", "llm", "data"),
    *("output", "recompute"),
    *("evaluations", "dev_examples", "dev_languages", "patience"),
}
"""Options that may differ."""

DIGEST_LETTERS = 64


def build_recipe(
    info: CheckpointInfo,
    bridge: FusionBridge,
    task: Task,
    train: Sequence[Example],
    warm_start: Sequence[Example],
    *,
    processes: int,
) -> dict[str, Any]:
    """Return what the result of a training depends on, by the name that a user knows it by."""
    options = dataclasses.asdict(info.bridge) | dataclasses.asdict(info.training)
    facts = {flag_of(name): value for name, value in options.items() if name not in FREE}
    # Kept states are rounded to half precision, wherever they lie.
    facts["--state-cache"] = bool(info.training.state_cache)
    frame = bridge.frame(task.instruction, task.bare_prompt)
    prompt = [*dataclasses.astuple(frame), bridge.llm.tokenizer.eos_token_id]
    source = "--data, --dev-examples" if task.writes else "--data"  # dev examples may be held out
    return facts | {
        "--encoder": info.fingerprints["encoder"],
        "--llm": info.fingerprints["llm"],
        "--dtype": str(bridge.llm.model.dtype).removeprefix("torch."),
        f"the training examples ({source})": describe_data(train)["sha256"],
        f"the warm start's examples ({source})": describe_data(warm_start)["sha256"],
        "the prompt": hashlib.sha256(json.dumps(prompt).encode()).hexdigest(),
        "the number of processes": processes,
    }


def save_recipe(folder: Path, recipe: dict[str, Any]) -> None:
    """Write down what a training that begins depends on.

    Args:
        folder: The `last` folder of a training.
        recipe: From `build_recipe`.
    """
    write_json(folder / RECIPE, recipe)


def check_recipe(folder: Path, recipe: dict[str, Any]) -> bool:
    """Refuse to resume a training as another one.

    Args:
        folder: The `last` folder of a training.
        recipe: Of the training that is to go on there.

    Returns:
        Whether there was something to compare: states of earlier versions say nothing of their training.

    Raises:
        ConfigError: something differs that the result depends on; the message names it.
        CheckpointError: the file is damaged.
    """
    path = folder / RECIPE
    if not path.exists():
        return False
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(saved, dict):
            raise ValueError
    except (OSError, ValueError, RecursionError):
        raise CheckpointError(
            f"{path} is damaged. Start again with --overwrite, or another --output."
        ) from None
    saved = _defaults() | saved  # an option that was not there yet had the value that changes nothing
    differing = [name for name in recipe if name in saved and saved[name] != recipe[name]]
    if differing:
        words = ", ".join(_difference(name, saved[name], recipe[name]) for name in differing)
        raise ConfigError(
            f"The training in {folder.parent} was started with {words}. Give the same to go on with it. "
            f"To train on from its checkpoint in another way, give --init-from {folder.parent} and another "
            "--output; to start again, --overwrite."
        )
    return True


def _defaults() -> dict[str, Any]:
    fields = [*dataclasses.fields(BridgeConfig), *dataclasses.fields(TrainConfig)]
    return {flag_of(field.name): field.default for field in fields if field.name not in FREE}


def _difference(name: str, before: Any, now: Any) -> str:
    """Return what differs, as words. Example: "--seed 0 (now 1)", "another --encoder"."""
    if isinstance(before, str) and len(before) == DIGEST_LETTERS:
        return f"another form of {name}" if name.startswith("the ") else f"another {name}"
    return f"{name} {shown(before)} (now {shown(now)})"
