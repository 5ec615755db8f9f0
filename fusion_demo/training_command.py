"""The command of a training, written from options; it is text, and nobody here runs it."""

import shlex
from collections.abc import Mapping
from typing import Any

from fusion_demo.config import BridgeConfig, TrainConfig, flag_of, option_names, read_config
from fusion_demo.errors import ConfigError
from fusion_demo.presets import DEFAULT_PRESET, option_values
from fusion_demo.tasks import Task, get_training_task


def training_command(options: Mapping[str, Any], preset: str = DEFAULT_PRESET) -> str:
    """Return the command that trains with these options, quoted so that it can be pasted into a shell.

    The task, the data and the output are always named, other options where they differ from what the command
    takes without them.

    Args:
        options: Name → value, as in `BridgeConfig` and `TrainConfig`; those left out have the value that
            `train` takes without them.
        preset: Name of a preset.

    Raises:
        ConfigError: a name, a type or a value is wrong, or nothing can be trained like this.

    Example: `{"task": "news", "data": "my data", "output": "checkpoints/a", "seed": 3}` ->
    "python -m train_cli train --task news --data 'my data' --output checkpoints/a --seed 3".
    """
    usual = option_values(preset, options)
    values = usual | options
    bridge = read_config(BridgeConfig, _part(values, TrainConfig), "options")
    training = read_config(TrainConfig, _part(values, BridgeConfig), "options")
    check_trainable(get_training_task(training.task), bridge)
    if not training.output:
        raise ConfigError("Say where to write the checkpoint: give it a name.")
    words = [
        "python",
        "-m",
        "train_cli",
        "train",
        *([] if preset == DEFAULT_PRESET else ["--preset", preset]),
    ]
    always = ("task", "data", "output")
    for name in (*always, *(name for name in values if name not in always)):
        if (name in always and values[name]) or values[name] != usual[name]:
            words += _words(name, values[name])
    return shlex.join(words)


def check_trainable(task: Task, bridge: BridgeConfig) -> None:
    """Refuse what cannot be trained.

    Raises:
        ConfigError: the task has no training data of its own, or is answered freely by a bridge that does not
            hand over a text's words.
    """
    if task.trained_on:
        raise ConfigError(
            f"The task '{task.name}' has no training data of its own. Train --task {task.trained_on}, and "
            f"evaluate that checkpoint with --task {task.name}."
        )
    if task.writes and bridge.soft_token_unit == "text":
        raise ConfigError(
            f"The task '{task.name}' is answered freely, and a soft token for a whole text does not carry "
            "its words. Give --soft-token-unit word or token."
        )


def _part(values: Mapping[str, Any], other: type) -> dict[str, Any]:
    """Leave out the options of the other config, so that an unknown name is refused."""
    return {name: value for name, value in values.items() if name not in option_names(other)}


def _words(name: str, value: Any) -> list[str]:
    flag = flag_of(name)
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    text = str(value)
    # What begins with a dash would be read as the next option.
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]
