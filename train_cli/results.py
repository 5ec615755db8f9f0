"""`results`: writes docs/results.md and the pages below it from the metrics files, or checks them."""

import argparse
from pathlib import Path

from fusion_demo.errors import DataError
from fusion_demo.files import write_atomically
from fusion_demo.results import REMAKE, read_results, render_pages
from train_cli.evaluate import new_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `results`."""
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path("checkpoints"),
        help="folder of checkpoints (default: checkpoints)",
    )
    parser.add_argument(
        "--metrics",
        type=Path,
        default=Path("docs/metrics"),
        help="folder of all other metrics files (default: docs/metrics)",
    )
    parser.add_argument(
        "--output",
        type=new_file,
        default=Path("docs/results.md"),
        help="overview to write, the other pages into a folder of its name (default: docs/results.md)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file is not up to date"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the overview, the tasks' pages and their pictures, or check them.

    Raises:
        FusionDemoError: a metrics file cannot be used, or a page is not up to date.
    """
    sections = read_results(arguments.checkpoints, arguments.metrics)
    for name, text in render_pages(sections, arguments.output.stem).items():
        path = arguments.output.parent / name
        if not arguments.check:
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, text.encode())
        elif not path.is_file() or path.read_bytes() != text.encode():
            raise DataError(f"{path} is not up to date. Run `{REMAKE}`.")
