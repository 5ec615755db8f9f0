"""Command-line flags made from the config dataclasses, and the order in which values win."""

import argparse
import contextlib
import dataclasses
import json
import shlex
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from fusion_demo.config import LISTS, BridgeConfig, TrainConfig, flag_of, option_names, read_config
from fusion_demo.errors import ConfigError, shown, unknown_name
from fusion_demo.presets import DEFAULT_PRESET, PRESETS, option_values
from fusion_demo.settings import SWITCH_WORDS

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
CONFIGS = (BridgeConfig, TrainConfig)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--config`, `--preset` and one flag for every option of the bridge and its training."""
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="options by name, as in the tables")
    parser.add_argument(
        "--preset", help=f"named set of options: {', '.join(PRESETS)} (default: {DEFAULT_PRESET})"
    )
    for kind in CONFIGS:
        group = parser.add_argument_group(kind.__name__)
        hints = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            flag = flag_of(field.name)
            text = f"{field.metadata['help']} (default: {field.default!r})".replace("%", "%%")
            if hints[field.name] is bool:
                group.add_argument(
                    flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
                )
            else:
                metavar = hints[field.name].__name__.upper()
                group.add_argument(
                    flag, type=hints[field.name], default=argparse.SUPPRESS, metavar=metavar, help=text
                )
    # The option of before, which was on or off.
    for flag, tokens in (("--sentence-token", 1), ("--no-sentence-token", 0)):
        parser.add_argument(
            flag,
            dest="sentence_tokens",
            action="store_const",
            const=tokens,
            default=argparse.SUPPRESS,
            help=argparse.SUPPRESS,
        )


def read_configs(arguments: argparse.Namespace) -> tuple[BridgeConfig, TrainConfig]:
    """Merge the options: command line over YAML file over what `option_values` has for those not given.

    Raises:
        ConfigError: a value or a name is wrong; the message names where it came from.
    """
    from_file = read_yaml(arguments.config) if arguments.config else {}
    preset = arguments.preset or from_file.get("preset", DEFAULT_PRESET)
    from_file.pop("preset", None)
    names = [name for kind in CONFIGS for name in option_names(kind)]
    given = from_file | {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    values = option_values(preset, given) | given
    bridge, training = (
        read_config(kind, {k: v for k, v in values.items() if k in option_names(kind)}, "options")
        for kind in CONFIGS
    )
    return bridge, training


def read_yaml(path: Path) -> dict[str, Any]:
    """Read options from a YAML file.

    What a value is follows from its option, not from how it looks: YAML itself takes 2e-5 for a string, 010
    for eight and "no" for false.

    Raises:
        ConfigError: the file is missing, is no YAML mapping, or holds an unknown option, one twice, or a
            value of another type. The message names the file, the line and what to write.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"Cannot read the config file {path}: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path} must hold options, one 'name: value' a line.")
    known: dict[str, Any] = {"preset": DEFAULT_PRESET}
    for kind in CONFIGS:
        known |= {name: getattr(kind(), name) for name in option_names(kind)}
    values: dict[str, Any] = {}
    for key, node in root.value:
        where, name = f"{path}, line {key.start_mark.line + 1}", str(key.value)
        if name not in known:
            raise ConfigError(f"{where}: {unknown_name('option', name, known)}")
        if name in values:
            raise ConfigError(f"{where}: '{name}' is there a second time. Keep one of the two lines.")
        values[name] = _yaml_value(node, name, known[name], where)
    return values


def _yaml_value(node: yaml.Node, name: str, default: Any, where: str) -> Any:
    """Return the value of an option, of its default's type."""
    items = node.value if name in LISTS and isinstance(node, yaml.SequenceNode) else ()
    if items and all(isinstance(item, yaml.ScalarNode) for item in items):
        return ",".join(item.value for item in items)
    if isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:null":
        with contextlib.suppress(ValueError):
            return READERS[type(default)](node.value)
    given = shown(node.value) if isinstance(node, yaml.ScalarNode) else f"a {node.id}"
    raise ConfigError(
        f"{where}: '{name}' takes {KINDS[type(default)]}, not {given}. Write it as in `{name}: "
        f"{json.dumps(default)}`, or leave the line out."
    )


def _read_whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        if not (number := float(text)).is_integer():
            raise
        return int(number)


def _read_switch(text: str) -> bool:
    if text.lower() not in SWITCH_WORDS:
        raise ValueError(text)
    return SWITCH_WORDS[text.lower()]


READERS: dict[type, Callable[[str], Any]] = {int: _read_whole, float: float, bool: _read_switch, str: str}
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def add_runtime_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--device` and `--dtype`, which say where the frozen models run, not what they are."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 … (default: auto)")
    parser.add_argument(
        "--dtype", default="float32", choices=DTYPES, help="of the frozen models (default: float32)"
    )


def read_runtime(arguments: argparse.Namespace) -> tuple[str, torch.dtype]:
    """Return the device and the dtype of the frozen models.

    Raises:
        ConfigError: the device does not exist here.
    """
    return read_device(arguments.device), DTYPES[arguments.dtype]


def read_device(device: str) -> str:
    """Return a device that exists; "auto" is the GPU where there is one, else the CPU.

    Raises:
        ConfigError: the device does not exist here.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise ConfigError(f"There is no device '{device}' here. Use --device cpu.") from None
    return device


def command_line(leave_out: tuple[str, ...] = ()) -> str:
    """Return the running command as it can be pasted into a shell: `python -m train_cli …`.

    Args:
        leave_out: Flags that are no part of what the command computes, as --resume.
    """
    return shlex.join(["python", "-m", "train_cli", *(a for a in sys.argv[1:] if a not in leave_out)])


def count(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers of at least `least`, for an option's `type`."""

    def read(text: str) -> int:
        if (number := int(text)) < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return number

    read.__name__ = "whole number"
    return read
