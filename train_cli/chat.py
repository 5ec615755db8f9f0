"""`chat`: how near the answers to foreign messages are to what the LLM answers to the English ones."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from fusion_demo.baselines import LLMAlone, TranslationPipeline
from fusion_demo.batching import batches_by_length
from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import read_checkpoint_info
from fusion_demo.data import Example, available_languages, read_examples
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.evaluation import BridgeAnswerer, RunDescription, describe_data, open_run
from fusion_demo.evaluation.chat import MEASURES, score_answers
from fusion_demo.files import write_json
from fusion_demo.languages import get_language
from fusion_demo.tasks import WRITING_TASKS
from train_cli.arguments import command_line, count
from train_cli.evaluate import add_data_arguments, comma_separated, default_folder, new_file
from train_cli.systems import (
    System,
    add_system_arguments,
    build_baseline,
    build_checkpoint,
    check_system_arguments,
)
from train_cli.writing import write_answers

TASK = WRITING_TASKS["chat"]
ENGLISH = dataclasses.replace(TASK, fields=("english_prompt",))
"""The same messages in English, which stand beside the foreign ones in the test files."""

OWN = "own"
"""Name, where a language's code would stand, of the LLM's own answers in the folder of a run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `chat`."""
    add_system_arguments(parser)
    add_data_arguments(parser)
    parser.add_argument("--split", default="test", help="of the parallel messages (default: test)")
    parser.add_argument(
        "--max-examples",
        type=count(0),
        default=0,
        metavar="N",
        help="messages, the same in every language, a seeded sample; 0: all (default)",
    )
    parser.add_argument("--show", type=count(0), default=2, metavar="N", help="answers shown (default: 2)")
    parser.add_argument(
        "--predictions", type=Path, metavar="FOLDER", help="where every answer is kept (default: below runs/)"
    )
    parser.add_argument("--output", type=new_file, metavar="FILE.json", help="result file to write")
    parser.set_defaults(task=TASK.name, generate=False)


def run(arguments: argparse.Namespace) -> None:
    """Let a system answer parallel messages, and compare with the LLM's own answers to the English ones.

    The English messages are asked of the system too, as the language "en".

    Raises:
        FusionDemoError: an option, the system or the data cannot be used.
    """
    check_system_arguments(arguments)
    if arguments.baseline == "linear-probe":
        raise ConfigError("The linear probe writes nothing. Choose another --baseline.")
    info = read_checkpoint_info(Path(arguments.checkpoint)) if arguments.checkpoint else None
    if info and info.task not in WRITING_TASKS:
        raise ConfigError(
            f"{info.name} is a checkpoint of '{info.task}'. Give one of a task that is answered freely: "
            f"{', '.join(WRITING_TASKS)}."
        )
    messages, english = read_messages(arguments)
    system = build_checkpoint(arguments, info, TASK) if info else build_baseline(arguments, TASK, messages)
    description = _describe(arguments, system, messages)
    folder = arguments.predictions or default_folder(description)
    languages = {}
    with open_run(folder, description) as kept:
        wanted = write_answers(teacher_of(system), TASK, OWN, english, kept, arguments.batch_size)
        for code, rows in messages.items():
            answers = write_answers(system, TASK, code, rows, kept, arguments.batch_size)
            scores = score_answers(answers, wanted, [example.label for example in rows])
            scores["divergence"] = divergence(system, code, rows, english, wanted, arguments.batch_size)
            languages[code] = scores
            print(_line(code, scores), flush=True)
            for example, own, answer in list(zip(english, wanted, answers, strict=True))[: arguments.show]:
                print(f"    {example.text}\n      LLM: {own}\n      -> {answer}")
    report = _report(arguments, system, info, languages)
    print(_line("mean", report["mean"]))
    print(f"\nanswers: {folder}")
    if arguments.output:
        write_json(arguments.output, report)


def read_messages(arguments: argparse.Namespace) -> tuple[dict[str, list[Example]], list[Example]]:
    """Return the messages by language, English ones first, and the English ones, row by row the same.

    Raises:
        DataError: the English messages differ between languages.
    """
    sample = {"max_examples": arguments.max_examples, "seed": arguments.seed}
    data, split = arguments.data, arguments.split
    chosen = comma_separated(arguments.languages) or ["en", *available_languages(data, TASK, split)]
    english: list[Example] = []
    messages: dict[str, list[Example]] = {}
    for code in chosen:
        get_language(code)
        if code == "en":
            messages["en"] = english
            continue
        messages[code] = read_examples(data, TASK, split, code, **sample)
        beside = read_examples(data, ENGLISH, split, code, **sample)
        english.extend([] if english else beside)
        if [example.text for example in beside] != [example.text for example in english]:
            raise DataError(
                f"The English messages beside those in '{code}' are others than beside those in "
                f"'{next(iter(messages))}'. Give parallel ones: --data."
            )
    if not english:
        raise ConfigError("The English messages stand beside the foreign ones. Name another language too.")
    return messages, english


def divergence(
    system: System,
    code: str,
    messages: list[Example],
    english: list[Example],
    wanted: list[str],
    batch_size: int,
) -> float:
    """Return the mean over messages of KL(LLM reading the English || system), in nats a token.

    Both go on along the LLM's own answers to the English messages.
    """
    texts = system.answerer.prepare([example.text for example in messages], code)
    total = 0.0
    for batch in batches_by_length(texts, batch_size):
        total += len(batch) * system.answerer.divergence(
            [texts[i] for i in batch], [wanted[i] for i in batch], [english[i].text for i in batch], TASK
        )
    return total / len(texts)


def teacher_of(system: System) -> System:
    """Return the system's own LLM, which reads messages itself, in the same prompt form."""
    answerer = system.answerer
    if isinstance(answerer, BridgeAnswerer):
        bridge = answerer.bridge
        answerer = LLMAlone(bridge.llm, prompt_form=bridge.config.prompt_form)
    elif isinstance(answerer, TranslationPipeline):
        answerer = answerer.llm
    return dataclasses.replace(system, answerer=answerer)


def _describe(
    arguments: argparse.Namespace, system: System, messages: dict[str, list[Example]]
) -> RunDescription:
    return RunDescription(
        system=system.name,
        task=TASK.name,
        split=arguments.split,
        seed=arguments.seed,
        max_examples=arguments.max_examples,
        scores=("generation",),
        labels=(),
        details=system.details,
        data={code: describe_data(rows) for code, rows in messages.items()},
        command=command_line(),
    )


def _report(
    arguments: argparse.Namespace,
    system: System,
    info: CheckpointInfo | None,
    languages: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """The result file: each language, and the mean over those that are not English."""
    foreign = [row for code, row in languages.items() if code != "en"]
    mean = {measure: sum(row[measure] for row in foreign) / len(foreign) for measure in MEASURES}
    name = {"checkpoint": system.name} if info else {"system": system.name, "description": system.description}
    return {
        "task": TASK.name,
        "split": arguments.split,
        **name,
        "languages": languages,
        "mean": {**mean, "n": sum(row["n"] for row in foreign)},
        "seed": arguments.seed,
        "command": command_line(),
    }


def _line(code: str, row: dict[str, Any]) -> str:
    title = "mean without English" if code == "mean" else get_language(code).english_name
    values = ", ".join(f"{measure} {row[measure]:.2f}" for measure in MEASURES)
    return f"{title}: {values} (n {row['n']})"
