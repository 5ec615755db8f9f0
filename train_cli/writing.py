"""Free answers of a system, kept row by row, and what `echo`, `chat` and `teach` say of them alike."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fusion_demo.batching import batches_by_length
from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import read_checkpoint_info
from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.evaluation import RunDescription, RunWriter, describe_data
from fusion_demo.languages import get_language
from fusion_demo.tasks import WRITING_TASKS, Task
from train_cli.arguments import command_line, count
from train_cli.evaluate import add_data_arguments, new_file
from train_cli.systems import System, add_system_arguments, check_system_arguments

WINDOW = 64
"""Texts whose answers are kept together; a stop costs at most so many."""


def add_writing_arguments(parser: argparse.ArgumentParser, task: Task, split: str, max_examples: int) -> None:
    """Declare the options of a command that measures free answers to parallel texts.

    Args:
        parser: Of the command.
        task: What is answered.
        split: The default.
        max_examples: The default.
    """
    add_system_arguments(parser)
    add_data_arguments(parser)
    parser.add_argument("--split", default=split, help=f"of the parallel texts (default: {split})")
    parser.add_argument(
        "--max-examples",
        type=count(0),
        default=max_examples,
        metavar="N",
        help=f"texts, the same in every language, a seeded sample; 0: all (default: {max_examples})",
    )
    parser.add_argument(
        "--best-of",
        type=count(1),
        default=1,
        metavar="N",
        help="a checkpoint of echo says each text N times, and the encoder chooses (default: 1)",
    )
    parser.add_argument("--show", type=count(0), default=2, metavar="N", help="answers shown (default: 2)")
    parser.add_argument(
        "--predictions", type=Path, metavar="FOLDER", help="where every answer is kept (default: below runs/)"
    )
    parser.add_argument("--output", type=new_file, metavar="FILE.json", help="result file to write")
    parser.set_defaults(task=task.name, generate=False)


def check_writer(arguments: argparse.Namespace) -> CheckpointInfo | None:
    """Return the checkpoint that is to write; None for a baseline.

    Raises:
        FusionDemoError: the options fit no system, or the system writes nothing.
    """
    check_system_arguments(arguments)
    if arguments.baseline == "linear-probe":
        raise ConfigError("The linear probe writes nothing. Choose another --baseline.")
    info = read_checkpoint_info(Path(arguments.checkpoint)) if arguments.checkpoint else None
    if arguments.best_of > 1 and (info is None or info.task != "echo"):
        raise ConfigError("--best-of chooses among echoes. Give a --checkpoint of echo, or leave it out.")
    if info and info.task not in WRITING_TASKS:
        raise ConfigError(
            f"{info.name} is a checkpoint of '{info.task}'. Give one of a task that is answered freely: "
            f"{', '.join(WRITING_TASKS)}."
        )
    return info


def describe_writing(
    arguments: argparse.Namespace,
    system: System,
    task: Task,
    split: str,
    examples: Mapping[str, Sequence[Example]],
) -> RunDescription:
    """Return the description of a run of free answers."""
    return RunDescription(
        system=system.name,
        task=task.name,
        split=split,
        seed=arguments.seed,
        max_examples=arguments.max_examples,
        scores=("generation",),
        labels=(),
        details=system.details,
        data={code: describe_data(rows) for code, rows in examples.items()},
        command=command_line(),
    )


def build_writing_report(
    arguments: argparse.Namespace,
    system: System,
    measures: Sequence[str],
    languages: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the result file: each language, and the mean over those that are not English."""
    foreign = [row for code, row in languages.items() if code != "en"] or list(languages.values())
    mean = {measure: sum(row[measure] for row in foreign) / len(foreign) for measure in measures}
    by_checkpoint = {"checkpoint": system.name}
    by_itself = {"system": system.name, "description": system.description}
    return {
        "task": arguments.task,
        "split": arguments.split,
        **(by_checkpoint if arguments.checkpoint else by_itself),
        "languages": dict(languages),
        "mean": {**mean, "n": sum(row["n"] for row in foreign)},
        **({"best_of": arguments.best_of} if arguments.best_of > 1 else {}),
        "seed": arguments.seed,
        "command": command_line(),
    }


def report_line(code: str, row: Mapping[str, Any], measures: Sequence[str], decimals: int) -> str:
    """Return a language's measures, or those of the "mean", as a line for the user."""
    title = "mean without English" if code == "mean" else get_language(code).english_name
    values = ", ".join(f"{measure} {row[measure]:.{decimals}f}" for measure in measures)
    return f"{title}: {values} (n {row['n']})"


def write_answers(
    system: System, task: Task, code: str, examples: Sequence[Example], kept: RunWriter, batch_size: int
) -> list[str]:
    """Return the answer to each text; windows that a run holds already are not made again.

    A window that a stop cut through is made again in the same batches, so that a run that was stopped ends
    with the same answers as one that was not.
    """
    answers = kept.english(code)
    starts = range(0, len(examples), WINDOW)
    for start in tqdm(starts, desc=code, unit="window", disable=None, leave=False):
        window = examples[start : start + WINDOW]
        if all(example.row in answers for example in window):
            continue
        texts = system.answerer.prepare([example.text for example in window], code)
        new: dict[int, str] = {}
        for batch in batches_by_length(texts, batch_size):
            written = system.answerer.generate([texts[i] for i in batch], task)
            new |= {window[i].row: answer for i, answer in zip(batch, written, strict=True)}
        new = {row: new[row] for row in sorted(new) if row not in answers}
        kept.append_english(code, new)
        answers |= new
    return [str(answers[example.row]) for example in examples]
