"""`echo`: how much of a text arrives at the LLM, language by language."""

import argparse
import dataclasses
from collections.abc import Callable, Sequence

from torch import Tensor

from fusion_demo.checkpoint import UNDERSTANDING, update_metrics
from fusion_demo.config import comma_separated
from fusion_demo.data import read_examples, read_languages
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.evaluation import BridgeAnswerer, open_run
from fusion_demo.evaluation.echo import MEASURES, find_by_vector, find_thresholds, score_echoes
from fusion_demo.files import write_json
from fusion_demo.tasks import WRITING_TASKS
from fusion_demo.understanding import sentence_vectors
from train_cli.evaluate import default_folder
from train_cli.systems import System, build_baseline, build_checkpoint
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
DEV = "dev"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `echo`."""
    add_writing_arguments(parser, TASK, "devtest", max_examples=200)
    parser.add_argument(
        "--record",
        action="store_true",
        help='keep mean and thresholds in the checkpoint, for the page\'s choice and its "understood well"',
    )


def run(arguments: argparse.Namespace) -> None:
    """Let a system repeat parallel texts in English, and compare that with the English ones.

    Raises:
        FusionDemoError: an option, the system or the data cannot be used.
    """
    info = check_writer(arguments)
    if arguments.record and info is None:
        raise ConfigError("--record writes into a checkpoint. Leave it out and give --output.")
    if arguments.record and arguments.split != DEV:
        raise ConfigError("--record chooses thresholds, and test texts are for reporting. Give --split dev.")
    sample = {"max_examples": arguments.max_examples, "seed": arguments.seed}
    languages = comma_separated(arguments.languages)
    examples = read_languages(arguments.data, TASK, arguments.split, languages, **sample)
    if arguments.record and set(examples) <= {"en"}:
        raise ConfigError("--record learns from foreign texts. Give texts in other languages: --languages.")
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
    similarities, found = [], []
    wanted, encode = [example.text for example in references], _encoder_of(system)
    measures = MEASURES if encode else MEASURES[:-1]
    meant = encode(wanted) if encode else None
    with open_run(folder, description) as kept:
        for code, rows in examples.items():
            echoes = write_answers(system, TASK, code, rows, kept, arguments.batch_size)
            said = encode(echoes) if encode else None
            languages_report[code] = score_echoes(echoes, wanted, (said, meant) if encode else None)
            if arguments.record and code != "en":
                asked = encode([example.text for example in rows])
                similarities += (said * asked).sum(dim=1).tolist()
                found += find_by_vector(said, meant)
            print(report_line(code, languages_report[code], measures, DECIMALS), flush=True)
            for example, echo in list(zip(references, echoes, strict=True))[: arguments.show]:
                print(f"    {example.text}\n      -> {echo}")
    report = build_writing_report(arguments, system, measures, languages_report)
    print(report_line("mean", report["mean"], measures, DECIMALS))
    print(f"\nechoes: {folder}")
    if arguments.output:
        write_json(arguments.output, report)
    if arguments.record and info:
        thresholds = dataclasses.asdict(find_thresholds(similarities, found))
        record = {key: report[key] for key in ("mean", "split", "command")} | {"thresholds": thresholds}
        update_metrics(info.folder, UNDERSTANDING, record)


def _encoder_of(system: System) -> Callable[[Sequence[str]], Tensor] | None:
    """Return how a bridge's encoder makes sentence vectors; None for a system without an encoder."""
    if not isinstance(system.answerer, BridgeAnswerer):
        return None
    encoder = system.answerer.bridge.encoder
    return lambda texts: sentence_vectors(encoder, texts)
