"""`python -m train_cli COMMAND`: the entry point; each command is a module of its own."""

import argparse
import sys

from fusion_demo.errors import FusionDemoError
from train_cli import evaluate, models, probe, results, train

COMMANDS = {
    "train": (train, "train a bridge and write a checkpoint"),
    "evaluate": (evaluate, "measure a checkpoint, language by language"),
    "probe": (probe, "measure the linear probe: logistic regression on the encoder alone"),
    "results": (results, "write docs/results.md from the metrics files"),
    "models": (models, "list, fetch and verify the embedded models"),
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m train_cli", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, help_text) in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=help_text, description=help_text))
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 2 for an error with a message, 130 if interrupted."""
    arguments = build_parser().parse_args(argv)
    try:
        COMMANDS[arguments.command][0].run(arguments)
    except FusionDemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
