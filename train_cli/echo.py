"""`echo`: how much of a text arrives at the LLM, language by language."""

import argparse
from pathlib import Path
from typing import Any

from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import read_checkpoint_info
from fusion_demo.data import Example, read_examples, read_languages
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.evaluation import RunDescription, describe_data, open_run
from fusion_demo.evaluation.echo import MEASURES, score_echoes
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

TASK = WRITING_TASKS["echo"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `echo`."""
    add_system_arguments(parser)
    add_data_arguments(parser)
    parser.add_argument("--split", default="devtest", help="of the parallel texts (default: devtest)")
    parser.add_argument(
        "--max-examples",
        type=count(0),
        default=200,
        metavar="N",
        help="texts, the same in every language, a seeded sample; 0: all (default: 200)",
    )
    parser.add_argument("--show", type=count(0), default=2, metavar="N", help="echoes shown (default: 2)")
    parser.add_argument(
        "--predictions", type=Path, metavar="FOLDER", help="where every echo is kept (default: below runs/)"
    )
    parser.add_argument("--output", type=new_file, metavar="FILE.json", help="result file to write")
    parser.set_defaults(task=TASK.name, generate=False)


def run(arguments: argparse.Namespace) -> None:
    """Let a system repeat parallel texts in English, and compare that with the English ones.

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
    sample = {"max_examples": arguments.max_examples, "seed": arguments.seed}
    languages = comma_separated(arguments.languages)
    examples = read_languages(arguments.data, TASK, arguments.split, languages, **sample)
    references = read_examples(arguments.data, TASK, arguments.split, "en", **sample)
    for code, rows in examples.items():
        if [example.row for example in rows] != [example.row for example in references]:
            raise DataError(
                f"The texts in '{code}' are not line by line those in English. Give parallel texts: --data."
            )
    system = build_checkpoint(arguments, info, TASK) if info else build_baseline(arguments, TASK, examples)
    description = _describe(arguments, system, examples)
    folder = arguments.predictions or default_folder(description)
    languages_report = {}
    with open_run(folder, description) as kept:
        for code, rows in examples.items():
            echoes = write_answers(system, TASK, code, rows, kept, arguments.batch_size)
            languages_report[code] = score_echoes(echoes, [example.text for example in references])
            print(_line(code, languages_report[code]), flush=True)
            for example, echo in list(zip(references, echoes, strict=True))[: arguments.show]:
                print(f"    {example.text}\n      -> {echo}")
    report = _report(arguments, system, info, languages_report)
    print(_line("mean", report["mean"]))
    print(f"\nechoes: {folder}")
    if arguments.output:
        write_json(arguments.output, report)


def _describe(
    arguments: argparse.Namespace, system: System, examples: dict[str, list[Example]]
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
        data={code: describe_data(rows) for code, rows in examples.items()},
        command=command_line(),
    )


def _report(
    arguments: argparse.Namespace,
    system: System,
    info: CheckpointInfo | None,
    languages: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """The result file: each language, and the mean over those that are not English."""
    foreign = [row for code, row in languages.items() if code != "en"] or list(languages.values())
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
    values = ", ".join(f"{measure} {row[measure]:.1f}" for measure in MEASURES)
    return f"{title}: {values} (n {row['n']})"
