"""`benchmark processes`: the same training in one process and in several, each with one thread."""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion_demo.config import BridgeConfig
from fusion_demo.errors import ConfigError
from train_cli.arguments import count
from train_cli.benchmark.rounds import exponent, interleave, paired_ratio, summary
from train_cli.benchmark.sizes import size_list
from train_cli.trainer import LOG_EVERY

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ("torch.distributed.run", "--standalone", "--nproc_per_node")
FUSION = "transformer-softmax"
SKIPPED = LOG_EVERY
"""Updates that do not count, in which buffers grow to their size: those before the first line of the log."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark processes`."""
    add = parser.add_argument
    parser.set_defaults(repeats=3)
    add("--task", default="news", help="task whose English training data is read (default: news)")
    add("--data", default="", help="folder with that data, as for `train` (default: the hub)")
    add("--encoder", default=BridgeConfig.encoder, help=f"default: {BridgeConfig.encoder}")
    add("--llm", default=BridgeConfig.llm, help=f"default: {BridgeConfig.llm}")
    add("--batch-size", type=count(1), default=16, metavar="N", help="examples a step (default: 16)")
    add("--updates", type=count(2), default=30, metavar="N", help="updates of a training (default: 30)")
    add(
        "--processes",
        type=size_list,
        default=[1, 2],
        metavar="N,N,…",
        help="numbers of processes, which share each update's examples (default: 1,2)",
    )


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train with each number of processes in turn, from the start, and compare rates and losses.

    Raises:
        ConfigError: the batch cannot be shared, there are too few updates, or a training fails.
    """
    uneven = [number for number in arguments.processes if arguments.batch_size % number]
    if uneven:
        raise ConfigError(
            f"{arguments.batch_size} examples cannot be shared evenly by {uneven[0]} processes. Give another "
            "--batch-size or --processes."
        )
    if arguments.updates < 2 * SKIPPED or arguments.updates % LOG_EVERY:
        raise ConfigError(f"Give --updates a multiple of {LOG_EVERY}, at least {2 * SKIPPED}.")
    trainings = interleave(
        {str(number): lambda _, number=number: train(arguments, number) for number in arguments.processes},
        arguments.repeats,
        warm_up=0,
    )
    rates = [
        [rate(lines, arguments.batch_size) for lines in trainings[str(number)]]
        for number in arguments.processes
    ]
    return {
        "task": arguments.task,
        "models": {"encoder": arguments.encoder, "llm": arguments.llm},
        "fusion": FUSION,
        "batch_size": arguments.batch_size,
        "updates": arguments.updates,
        "skipped": SKIPPED,
        "baseline": arguments.processes[0],
        "rates": [
            {
                "processes": number,
                "examples_per_second": summary(row),
                "ratio": paired_ratio(row, rates[0], seed=arguments.seed),
            }
            for number, row in zip(arguments.processes, rates, strict=True)
        ],
        "exponent": exponent(arguments.processes, rates, seed=arguments.seed),
        "largest_difference": largest_difference(list(itertools.chain(*trainings.values()))),
    }


def train(arguments: argparse.Namespace, processes: int) -> list[dict[str, Any]]:
    """Return the lines that a training of a folder of its own has logged of its updates.

    Raises:
        ConfigError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "bridge"
        command = [
            *(sys.executable, "-m", *LAUNCH, str(processes), "-m", "train_cli", "train"),
            *("--task", arguments.task, "--encoder", arguments.encoder, "--llm", arguments.llm),
            *("--data", arguments.data, "--output", str(output), "--fusion", FUSION, "--device", "cpu"),
            # No chance: processes draw their own. Nothing beside the updates, but for one example of dev.
            *("--fusion-dropout", "0", "--soft-token-dropout", "0", "--soft-token-dropout-max", "0"),
            *("--warm-start-epochs", "0", "--evaluations", "1", "--dev-examples", "1"),
            *("--batch-size", str(arguments.batch_size // processes), "--seed", str(arguments.seed)),
            *("--max-examples", str(arguments.updates * arguments.batch_size)),
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigError(
                f"A training with --nproc_per_node {processes} failed: {_reason(done.stderr)} Try it by "
                f"hand: {' '.join(command[1:])}"
            )
        lines = map(json.loads, (output / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
        return [line for line in lines if "loss" in line]


def rate(lines: Sequence[dict[str, Any]], batch_size: int) -> float:
    """Return the examples a second between the first and the last line of a log."""
    first, last = lines[0], lines[-1]
    return batch_size * (last["update"] - first["update"]) / (last["seconds"] - first["seconds"])


def largest_difference(trainings: Sequence[Sequence[dict[str, Any]]]) -> float:
    """Return by how much the losses of the same update differ at most, in nats."""
    losses = [[line["loss"] for line in lines] for lines in trainings]
    return max(max(update) - min(update) for update in zip(*losses, strict=True))


def _reason(shown: str) -> str:
    said = [line for line in shown.splitlines() if line.startswith("error: ")]
    return said[0].removeprefix("error: ") if said else shown.strip()[-300:]
