"""`python -m train_cli COMMAND`: the entry point; each command is a module of its own."""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from fusion_demo.errors import FusionDemoError
from fusion_demo.files import expand_home

COMMANDS = {
    "train": "train a bridge and write a checkpoint",
    "evaluate": "measure a checkpoint or a baseline, language by language",
    "echo": "measure how much of a text arrives at the LLM: its English, against the English that was meant",
    "teach": "let the LLM answer English messages: what a bridge for chat is trained on",
    "chat": "measure how near the answers to foreign messages are to those to the English ones",
    "compare": "tell which of several systems is better on the same rows",
    "layers": "show which layers a checkpoint uses, and whether its answers depend on them",
    "benchmark": "measure speed, memory and size, each against what one would use instead",
    "results": "write docs/results.md from the metrics files",
    "models": "list, fetch and verify the embedded models",
}


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands.

    Args:
        chosen: Fill in the options of this command alone, since importing all of them takes seconds.
    """
    parser = argparse.ArgumentParser(prog="python -m train_cli", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if chosen in (None, name):
            importlib.import_module(f"train_cli.{name}").add_arguments(command)
    return parser


def expand_paths(arguments: argparse.Namespace) -> None:
    """Put the home folder in place of the "~" that a value begins with, as a shell does only here and there.

    Raises:
        ConfigError: see `expand_home`.
    """

    def expanded(value: Any) -> Any:
        if isinstance(value, list):
            return [expanded(item) for item in value]
        return type(value)(expand_home(str(value))) if isinstance(value, str | Path) else value

    for name, value in vars(arguments).items():
        if name != "encoder_prefix":
            setattr(arguments, name, expanded(value))


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 2 for an error with a message, 130 if interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        arguments = build_parser(chosen=argv[0] if argv else "").parse_args(argv)
        expand_paths(arguments)
        importlib.import_module(f"train_cli.{arguments.command}").run(arguments)
    except FusionDemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
