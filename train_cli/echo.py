"""`echo`: how much of a text arrives at the LLM, language by language."""

import argparse

from fusion_demo.config import comma_separated
from fusion_demo.data import read_examples, read_languages
from fusion_demo.errors import DataError
from fusion_demo.evaluation import open_run
from fusion_demo.evaluation.echo import MEASURES, score_echoes
from fusion_demo.files import write_json
from fusion_demo.tasks import WRITING_TASKS
from train_cli.evaluate import default_folder
from train_cli.systems import build_baseline, build_checkpoint
from train_cli.writing import (
    add_writing_arguments,
    build_writing_report,
    check_writer,
    describe_writing,
    report_line,
    write_answers,
)

TASK = WRITING_TASKS["echo"]
DECIMALS = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `echo`."""
    add_writing_arguments(parser, TASK, "devtest", max_examples=200)


def run(arguments: argparse.Namespace) -> None:
    """Let a system repeat parallel texts in English, and compare that with the English ones.

    Raises:
        FusionDemoError: an option, the system or the data cannot be used.
    """
    info = check_writer(arguments)
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
    description = describe_writing(arguments, system, TASK, arguments.split, examples)
    folder = arguments.predictions or default_folder(description)
    languages_report = {}
    with open_run(folder, description) as kept:
        for code, rows in examples.items():
            echoes = write_answers(system, TASK, code, rows, kept, arguments.batch_size)
            languages_report[code] = score_echoes(echoes, [example.text for example in references])
            print(report_line(code, languages_report[code], MEASURES, DECIMALS), flush=True)
            for example, echo in list(zip(references, echoes, strict=True))[: arguments.show]:
                print(f"    {example.text}\n      -> {echo}")
    report = build_writing_report(arguments, system, MEASURES, languages_report)
    print(report_line("mean", report["mean"], MEASURES, DECIMALS))
    print(f"\nechoes: {folder}")
    if arguments.output:
        write_json(arguments.output, report)
