"""`evaluate`: the accuracy of a checkpoint, language by language."""

import argparse
from collections.abc import Callable
from pathlib import Path

from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info, update_metrics
from fusion_demo.data import read_languages
from fusion_demo.errors import ConfigError
from fusion_demo.evaluation import build_report, classify_examples, format_report, score_language
from fusion_demo.files import write_json
from fusion_demo.frozen import FrozenModels
from fusion_demo.tasks import TASKS, get_task
from train_cli.arguments import add_runtime_arguments, command_line, read_runtime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate`."""
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint folder")
    parser.add_argument("--task", help=f"{' or '.join(TASKS)} (default: the checkpoint's own)")
    add_data_arguments(parser)
    parser.add_argument("--split", default="test", help="dev or test (default: test)")
    parser.add_argument(
        "--max-examples",
        type=count(0),
        default=0,
        metavar="N",
        help="texts per language, a seeded sample; 0: all (default)",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="also keep the result in the checkpoint's metrics.json and on its card, under the split's name",
    )
    parser.add_argument("--output", type=new_file, metavar="FILE.json", help="result file to write")


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which texts are measured, and how they are run."""
    parser.add_argument(
        "--data",
        default="",
        metavar="FOLDER",
        help="with SPLIT.LANGUAGE.jsonl, or a copy of the hub's data set (default: fetch that from the hub)",
    )
    parser.add_argument("--languages", default="", help="codes, comma-separated (default: all there are)")
    parser.add_argument("--seed", type=count(0), default=0, metavar="N", help="of the samples (default: 0)")
    parser.add_argument(
        "--batch-size", type=count(1), default=32, metavar="N", help="texts per batch (default: 32)"
    )
    add_runtime_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate a checkpoint, print a table, and write what was asked for.

    Raises:
        FusionDemoError: an option, the checkpoint or the data cannot be used.
    """
    split = check_split(arguments.split)
    info = read_checkpoint_info(arguments.checkpoint)
    task = get_task(arguments.task or info.task)
    if task.trained_on not in ("", info.task):
        raise ConfigError(
            f"The task '{task.name}' is answered by checkpoints of '{task.trained_on}'; {info.name} is one "
            f"of '{info.task}'. Give another --checkpoint."
        )
    if arguments.record and task.name != info.task:
        raise ConfigError(
            f"--record keeps results of the checkpoint's own task '{info.task}', not of '{task.name}'. "
            "Leave out --record and give --output."
        )
    examples = read_languages(
        arguments.data,
        task,
        split,
        comma_separated(arguments.languages),
        max_examples=arguments.max_examples,
        seed=arguments.seed,
    )
    device, dtype = read_runtime(arguments)
    bridge = load_checkpoint(arguments.checkpoint, FrozenModels(device=device, dtype=dtype))
    results = {}
    for language, rows in examples.items():
        predictions = classify_examples(
            bridge, task, rows, batch_size=arguments.batch_size, description=language
        )
        gold = [row.label for row in rows]
        results[language] = score_language(gold, [prediction.label for prediction in predictions])
    report = build_report(task.name, split, results)
    report |= {"checkpoint": info.name, "seed": arguments.seed, "command": command_line()}
    print(format_report(report))
    if arguments.output:
        write_json(arguments.output, report)
    if arguments.record:
        update_metrics(arguments.checkpoint, split, report)


def comma_separated(text: str) -> list[str]:
    """Return the names of a comma-separated list. Example: "si, ta" -> ["si", "ta"]."""
    return [name.strip() for name in text.split(",") if name.strip()]


def check_split(split: str) -> str:
    """Return the split; refuse to measure on anything but held-out texts.

    Raises:
        ConfigError: the split is neither "dev" nor "test".
    """
    if split not in ("dev", "test"):
        raise ConfigError(f"--split takes dev or test, not '{split}'. Tune on dev, report on test.")
    return split


def new_file(text: str) -> Path:
    """Return a path to write to; refuse a folder before hours of work are lost to it."""
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder; give the name of a file")
    return Path(text)


def count(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers of at least `least`, for an option's `type`."""

    def read(text: str) -> int:
        if (number := int(text)) < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return number

    read.__name__ = "whole number"
    return read
