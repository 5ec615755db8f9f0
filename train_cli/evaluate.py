"""`evaluate`: how well a checkpoint or a baseline answers a task, language by language."""

import argparse
import sys
from pathlib import Path
from typing import Any

from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import read_checkpoint_info, update_metrics
from fusion_demo.config import comma_separated
from fusion_demo.data import Example, read_languages
from fusion_demo.errors import ConfigError
from fusion_demo.evaluation import (
    PredictionRow,
    RunDescription,
    RunWriter,
    answer_language,
    build_report,
    describe_data,
    format_confusion,
    format_report,
    measure_language,
    open_run,
)
from fusion_demo.files import expand_home, write_json
from fusion_demo.tasks import TASKS, Task, get_task
from train_cli.arguments import add_runtime_arguments, command_line, count
from train_cli.systems import (
    System,
    add_system_arguments,
    build_baseline,
    build_checkpoint,
    check_system_arguments,
)

RUNS = Path("runs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate`."""
    add_system_arguments(parser)
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
        "--generate",
        action="store_true",
        help="also let the system write each answer, and count those that are the right label's words",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="FOLDER",
        help="where every answer is kept, and where a stopped evaluation goes on (default: one below runs/)",
    )
    parser.add_argument("--confusion", action="store_true", help="print the confusion matrices too")
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
    """Evaluate a system, print a table, and write what was asked for.

    Raises:
        FusionDemoError: an option, the system or the data cannot be used.
    """
    split = check_split(arguments.split)
    check_system_arguments(arguments)
    info = read_checkpoint_info(Path(arguments.checkpoint)) if arguments.checkpoint else None
    task = get_task(arguments.task or (info.task if info else ""))
    _check_task(arguments, task, info)
    examples = read_languages(
        arguments.data,
        task,
        split,
        comma_separated(arguments.languages),
        max_examples=arguments.max_examples,
        seed=arguments.seed,
    )
    system = build_checkpoint(arguments, info, task) if info else build_baseline(arguments, task, examples)
    description = RunDescription(
        system=system.name,
        task=task.name,
        split=split,
        seed=arguments.seed,
        max_examples=arguments.max_examples,
        scores=("likelihood", "generation") if arguments.generate else ("likelihood",),
        labels=task.labels,
        details=system.details,
        data={code: describe_data(rows) for code, rows in examples.items()},
        command=command_line(),
    )
    folder = arguments.predictions or default_folder(description)
    with open_run(folder, description) as run:
        answers = _answer(arguments, system, task, examples, run)
        english = {code: run.english(code).get(rows[0].row) for code, rows in examples.items()}
    results = {code: measure_language(task, rows) for code, rows in answers.items()}
    report = build_report(task.name, split, results) | _provenance(arguments, system, info)
    print(format_report(report))
    for code, result in results.items() if arguments.confusion else ():
        print(f"\n{code}\n{format_confusion(task.labels, result['confusion'])}")
    for code, text in english.items():
        if text is not None:
            print(f"\n{code}, the first text and what the LLM read:")
            print(task.plain(examples[code][0].text), task.plain(text), sep="\n")
    print(f"\npredictions: {folder}")
    if arguments.output:
        write_json(arguments.output, report)
    if arguments.record and info:
        update_metrics(info.folder, split, report)


def default_folder(description: RunDescription) -> Path:
    """Return where a run's predictions go unless told otherwise.

    Example: "llm-alone" on 300 test texts of news -> `runs/llm-alone/news-test-seed0-300`.
    """
    number = description.max_examples or "all"
    best_of = f"-best-of-{description.details['best_of']}" if "best_of" in description.details else ""
    name = f"{description.task}-{description.split}-seed{description.seed}-{number}{best_of}"
    return RUNS / description.system / name


def _check_task(arguments: argparse.Namespace, task: Task, info: CheckpointInfo | None) -> None:
    if info and task.trained_on not in ("", info.task):
        raise ConfigError(
            f"The task '{task.name}' is answered by checkpoints of '{task.trained_on}'; {info.name} is one "
            f"of '{info.task}'. Give another --checkpoint."
        )
    if arguments.record and not info:
        raise ConfigError("--record writes into a checkpoint. Leave it out and give --output.")
    if arguments.record and info and task.name != info.task:
        raise ConfigError(
            f"--record keeps results of the checkpoint's own task '{info.task}', not of '{task.name}'. "
            "Leave out --record and give --output."
        )


def _answer(
    arguments: argparse.Namespace,
    system: System,
    task: Task,
    examples: dict[str, list[Example]],
    run: RunWriter,
) -> dict[str, list[PredictionRow]]:
    """Answer all languages, and say how much of it was there already."""
    kept = sum(len(run.finished(code)) for code in examples)
    if kept:
        total = sum(map(len, examples.values()))
        print(f"{kept:,} of {total:,} answers were in {run.folder} already", file=sys.stderr)
    return {
        code: answer_language(
            system.answerer,
            task,
            code,
            rows,
            run,
            batch_size=arguments.batch_size,
            generate=arguments.generate,
        )
        for code, rows in examples.items()
    }


def _provenance(arguments: argparse.Namespace, system: System, info: CheckpointInfo | None) -> dict[str, Any]:
    """What a result file says beside the scores."""
    name = {"checkpoint": system.name} if info else {"system": system.name, "description": system.description}
    return {**name, **system.facts, "seed": arguments.seed, "command": command_line()}


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
    path = Path(expand_home(text))
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder; give the name of a file")
    return path
