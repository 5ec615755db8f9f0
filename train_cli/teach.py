"""`teach`: the LLM's own answers to English messages, the training data of the task `chat`."""

import argparse
import dataclasses
import json
from pathlib import Path

from fusion_demo.config import PROMPT_FORMS
from fusion_demo.data import read_examples, write_command
from fusion_demo.errors import ConfigError
from fusion_demo.evaluation import open_run
from fusion_demo.files import write_atomically
from fusion_demo.presets import PRESETS
from fusion_demo.tasks import WRITING_TASKS
from train_cli.arguments import add_runtime_arguments, command_line, count
from train_cli.systems import BELONGS_TO, build_baseline
from train_cli.writing import describe_writing, write_answers

TASK = WRITING_TASKS["chat"]
LONGEST_PROMPT = 300
"""Characters. Longer prompts carry whole texts, which a bridge to a small LLM cannot hand on word by word."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `teach`."""
    parser.set_defaults(**dict.fromkeys(BELONGS_TO), baseline="llm-alone", task=TASK.name)
    add_runtime_arguments(parser)
    parser.add_argument("--preset", help=f"whose LLM answers: {', '.join(PRESETS)} (default: embedded)")
    parser.add_argument("--llm", metavar="NAME", help="the LLM that answers (default: the preset's)")
    parser.add_argument("--prompt-form", choices=PROMPT_FORMS, help="as in training (default: the preset's)")
    parser.add_argument("--data", required=True, metavar="FOLDER", help="messages, in train.en.jsonl")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where train.en.jsonl is written")
    parser.add_argument(
        "--max-examples",
        type=count(0),
        default=0,
        metavar="N",
        help=f"messages read, a seeded sample; 0: all (default). Those over {LONGEST_PROMPT} characters are "
        "left out.",
    )
    parser.add_argument("--seed", type=count(0), default=0, help="seed of the sample (default: 0)")
    parser.add_argument(
        "--answer-tokens", type=count(1), default=32, metavar="N", help="longest answer (default: 32)"
    )
    parser.add_argument(
        "--batch-size", type=count(1), default=32, metavar="N", help="messages at a time (default: 32)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the LLM's greedy answers; a stopped run goes on.

    Raises:
        FusionDemoError: an option, the LLM or the data cannot be used.
    """
    folder = Path(arguments.output)
    if folder.resolve() == Path(arguments.data).resolve():
        raise ConfigError("--output is the folder of the data, whose answers would be lost. Name another.")
    task = dataclasses.replace(TASK, answer_tokens=arguments.answer_tokens)
    sample = {"max_examples": arguments.max_examples, "seed": arguments.seed}
    examples = read_examples(arguments.data, task, "train", "en", **sample)
    examples = [example for example in examples if example.characters <= LONGEST_PROMPT]
    system = build_baseline(arguments, task, ["en"])
    details = {**system.details, "answer_tokens": arguments.answer_tokens}
    system = dataclasses.replace(system, details=details)
    description = describe_writing(arguments, system, task, "train", {"en": examples})
    with open_run(folder / "answers", description) as kept:
        answers = write_answers(system, task, "en", examples, kept, arguments.batch_size)
    rows = [
        {task.fields[0]: example.text, task.target: answer}
        for example, answer in zip(examples, answers, strict=True)
        if answer
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(folder / "train.en.jsonl", lines.encode())
    write_command(folder, command_line())
    print(f"{len(rows):,} answers of {arguments.llm or system.name}: {folder / 'train.en.jsonl'}")
