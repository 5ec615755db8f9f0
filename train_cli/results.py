"""`results`: writes docs/results.md from the metrics files, or checks that it is up to date."""

import argparse
from pathlib import Path

from fusion_demo.errors import DataError
from fusion_demo.files import write_atomically
from fusion_demo.results import REMAKE, read_results, render_results
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
        help="file to write (default: docs/results.md)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the file is not up to date"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the results page, or check it.

    Raises:
        FusionDemoError: a metrics file cannot be used, or the page is not up to date.
    """
    page = render_results(read_results(arguments.checkpoints, arguments.metrics)).encode()
    if not arguments.check:
        write_atomically(arguments.output, page)
    elif not arguments.output.is_file() or arguments.output.read_bytes() != page:
        raise DataError(f"{arguments.output} is not up to date. Run `{REMAKE}`.")
