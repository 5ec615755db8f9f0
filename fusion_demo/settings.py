"""The settings of the page, in one table: option of `app.py`, environment variable, default, meaning.

The command line wins over the environment, the environment over the default. An empty variable is none.
"""

import argparse
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from fusion_demo.config import flag_of, option
from fusion_demo.errors import ConfigError, shown, unknown_name
from fusion_demo.input_text import MAX_CHARACTERS
from fusion_demo.presets import preset_values

PREFIX = "FUSION_DEMO_"
OTHER_VARIABLES = ("FUSION_DEMO_HOME",)
"""Variables with the same prefix that are no settings of the page: the folder of the frozen weights."""

SWITCH_WORDS = {"1": True, "true": True, "yes": True, "on": True} | {
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
LARGEST_LIMIT = 100_000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the page runs.

    Raises:
        ConfigError: a value is out of its range, or there is no such preset.
    """

    host: str = option("", "address to listen at; empty: $GRADIO_SERVER_NAME, else 127.0.0.1")
    port: int = option(0, "port; 0: $GRADIO_SERVER_PORT, else the first free one from 7860")
    checkpoints: str = option(
        "", "folder with one checkpoint a subfolder; empty: the folder checkpoints beside app.py"
    )
    default_checkpoint: str = option("", "checkpoint to start with; empty: the best on the dev sets")
    preset: str = option(
        "", "offer only the checkpoints between this preset's models, as embedded; empty: all of the folder"
    )
    translator: str = option("", "hub id or folder of a model into English, for the tab Compare; empty: none")
    device: str = option("", "where the models run, as cpu or cuda:0; empty: cpu, on a ZeroGPU Space its GPU")
    compiled: bool = option(True, "on a CPU, OpenVINO writes the answers where it can; off: torch, slower")
    max_characters: int = option(MAX_CHARACTERS, "longest text that is read, in characters")
    queue_length: int = option(32, "requests that may wait; the next one is told to come back later")
    share: bool = option(False, "a public address through Gradio's servers, for 72 hours")
    mcp: bool = option(False, "the endpoints as tools of an MCP server, which needs requirements-mcp.txt")

    def __post_init__(self) -> None:
        for name, low, high in (
            ("port", 0, 65_535),
            ("max_characters", 1, LARGEST_LIMIT),
            ("queue_length", 1, 10_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"'{name}' must be from {low:,} to {high:,}, not {value:,}.")
        if self.preset:
            preset_values(self.preset)


def variable_of(name: str) -> str:
    """Return the environment variable of a setting. Example: "queue_length" -> "FUSION_DEMO_QUEUE_LENGTH"."""
    return PREFIX + name.upper()


def build_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with an option for every setting; those not given are absent from what it returns."""
    parser = argparse.ArgumentParser(description=description)
    hints = typing.get_type_hints(Settings)
    for field in fields(Settings):
        default = {False: "off", True: "on", "": "empty"}.get(field.default, field.default)
        text = f"{field.metadata['help']} (default: {default}; ${variable_of(field.name)})".replace("%", "%%")
        if hints[field.name] is bool:
            parser.add_argument(
                flag_of(field.name),
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=text,
            )
        else:
            kind = hints[field.name]
            parser.add_argument(
                flag_of(field.name),
                type=kind,
                default=argparse.SUPPRESS,
                metavar=kind.__name__.upper(),
                help=text,
            )
    return parser


def read_settings(description: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings of a start of the page.

    Args:
        description: Shown by `--help`, which ends the program.
        arguments: What follows the program's name on the command line; what it does not understand ends the
            program with status 2 and a line for the user.
        environment: The process's variables; only those that begin with `PREFIX` are read.

    Raises:
        ConfigError: a variable is unknown or holds nothing sensible, or a value is out of its range.
    """
    given = vars(build_parser(description).parse_args(arguments))
    return Settings(**_read_environment(environment) | given)


def _read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {variable_of(field.name): field.name for field in fields(Settings)}
    hints = typing.get_type_hints(Settings)
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        if variable not in names:
            raise ConfigError(unknown_name("environment variable", variable, [*names, *OTHER_VARIABLES]))
        if text.strip():
            name = names[variable]
            values[name] = _read_value(variable, text.strip(), hints[name])
    return values


def _read_value(variable: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in SWITCH_WORDS:
            raise ConfigError(f"{variable} must be on or off, not {shown(text)}.")
        return SWITCH_WORDS[text.lower()]
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{variable} must be a whole number, not {shown(text)}.") from None
    return text
