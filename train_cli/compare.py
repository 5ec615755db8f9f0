"""`compare`: which of several systems is better on the same rows, and which differences may be chance."""

import argparse
from pathlib import Path

from fusion_demo.comparison.systems import ROWS, SCORES, compare_runs
from fusion_demo.comparison.table import format_comparison
from fusion_demo.evaluation.predictions import read_run
from fusion_demo.files import write_json
from train_cli.arguments import command_line, count
from train_cli.evaluate import new_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compare`."""
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="two or more folders of predictions, as `evaluate` wrote",
    )
    parser.add_argument(
        "--score",
        choices=SCORES,
        default="likelihood",
        help="what is right: the most likely label, or the written answer (default: likelihood)",
    )
    parser.add_argument(
        "--rows",
        choices=ROWS,
        default="auto",
        help="whether a row is the same text in every language: parallel, independent, or as the task says "
        "(default: auto)",
    )
    parser.add_argument(
        "--seed", type=count(0), default=0, metavar="N", help="of the resampling (default: 0)"
    )
    parser.add_argument(
        "--output",
        type=new_file,
        metavar="FILE.json",
        help="file to write, as docs/metrics/compare-NAME.json",
    )


def run(arguments: argparse.Namespace) -> None:
    """Compare the runs, print a table per pair, write what was asked for.

    Raises:
        FusionDemoError: a run cannot be read, or the runs do not hold the same rows.
    """
    runs = [read_run(folder) for folder in arguments.runs]
    comparison = compare_runs(runs, score=arguments.score, rows=arguments.rows, seed=arguments.seed)
    comparison["command"] = command_line()
    print(format_comparison(comparison))
    if arguments.output:
        write_json(arguments.output, comparison)
