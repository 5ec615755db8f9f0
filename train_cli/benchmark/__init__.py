"""`benchmark`: how fast and how large, both sides measured in one run; each measurement is a module."""

import argparse
import importlib

import torch

from fusion_demo.errors import BudgetError
from fusion_demo.files import write_json
from train_cli.arguments import command_line, count, read_device
from train_cli.benchmark.machine import machine_facts

MEASUREMENTS = {
    "table5": "the paper's Table V: time per token, time to the first, peak memory of each system",
    "training": "a training step against the same step as it is usually written",
    "generation": "writing on a CPU against transformers' own loop and the memory's floor",
    "start": "import, start, memory and installed size, each with a budget",
    "load": "many users of the page at once: answers, waiting, memory",
    "stop": "how soon a stopped chat ends",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the measurements and their options."""
    from train_cli.evaluate import new_file  # here, since the processes of peak memory import this package

    measurements = parser.add_subparsers(dest="measurement", required=True, metavar="MEASUREMENT")
    for name, text in MEASUREMENTS.items():
        command = measurements.add_parser(name, help=text, description=text)
        add = command.add_argument
        add("--repeats", type=count(2), metavar="N", help="rounds, each of all systems in turn")
        add("--threads", type=count(1), metavar="N", help="threads of PyTorch (default: its own choice)")
        add("--seed", type=count(0), default=0, metavar="N", help="of weights and resampling (default: 0)")
        add(
            "--output",
            type=new_file,
            metavar="FILE.json",
            help=f"file to write, as docs/metrics/benchmark-{name}.json",
        )
        importlib.import_module(f"train_cli.benchmark.{name}").add_arguments(command)


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the tables of the results page, write what was asked for.

    Raises:
        FusionDemoError: an option cannot be used, a model is missing, or a budget is exceeded with --check.
    """
    from fusion_demo.results import render_benchmark  # brings scikit-learn, see above

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    machine = machine_facts(read_device(getattr(arguments, "device", "cpu")))
    measured = importlib.import_module(f"train_cli.benchmark.{arguments.measurement}").measure(arguments)
    report = {
        "benchmark": arguments.measurement,
        "machine": machine,
        "seed": arguments.seed,
        "repeats": arguments.repeats,
        **measured,
        "command": command_line(leave_out=("--check",)),
    }
    print(render_benchmark(report))
    if arguments.output:
        write_json(arguments.output, report)
    over = [name for name, row in report.get("budgets", {}).items() if row["median"] > row["budget"]]
    if getattr(arguments, "check", False) and over:
        raise BudgetError(f"Over budget: {', '.join(over)}. See the table above.")
