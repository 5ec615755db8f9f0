"""The settings of the page, in one table: option of `app.py`, environment variable, default, meaning.

The command line wins over the environment, the environment over the default. An empty variable is none.
"""

import argparse
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fusion_demo.config import comma_separated, flag_of, option
from fusion_demo.errors import ConfigError, shown, unknown_name
from fusion_demo.files import expand_home
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
PATHS = ("checkpoints", "translator")
"""Settings that name a folder, or may do so."""

LARGEST_LIMIT = 100_000
DEFAULT_PORTS = {"http": 80, "https": 443}


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
    public_address: str = option(
        "",
        "addresses at which browsers see the page where a proxy hides them, comma-separated, as "
        "https://demo.example.org:8443; empty: those that they ask",
    )
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
        self.public_origins()
        if self.preset:
            preset_values(self.preset)

    def public_origins(self) -> list["Origin"]:
        """Return the origins of `public_address`.

        Raises:
            ConfigError: one of the addresses is none.
        """
        origins = []
        for address in comma_separated(self.public_address):
            if (origin := origin_of(address)) is None:
                raise ConfigError(
                    f"'public_address' is {shown(address)}, which is no address. Write it as a browser shows "
                    "it: https://demo.example.org, with the port if there is one."
                )
            origins.append(origin)
        return origins


class Origin(NamedTuple):
    """What browsers tell sites apart by (RFC 6454)."""

    scheme: str
    host: str
    port: int


def origin_of(address: str) -> Origin | None:
    """Return the origin of an HTTP address, None for anything else.

    Example: "https://Demo.example.org/page" -> Origin("https", "demo.example.org", 443).
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not host:
        return None
    return Origin(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port)


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
    values = _read_environment(environment) | given
    return Settings(**values | {name: expand_home(values[name]) for name in PATHS if name in values})


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
