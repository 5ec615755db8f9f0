"""`chat`: how near the answers to foreign messages are to what the LLM answers to the English ones."""

import argparse
import dataclasses

from fusion_demo.baselines import LLMAlone, TranslationPipeline
from fusion_demo.batching import batches_by_length
from fusion_demo.config import comma_separated
from fusion_demo.data import Example, available_languages, read_examples
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.evaluation import BridgeAnswerer, open_run
from fusion_demo.evaluation.chat import MEASURES, score_answers
from fusion_demo.files import write_json
from fusion_demo.languages import get_language
from fusion_demo.tasks import WRITING_TASKS
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

TASK = WRITING_TASKS["chat"]
DECIMALS = 2
ENGLISH = dataclasses.replace(TASK, fields=("english_prompt",))
"""The same messages in English, which stand beside the foreign ones in the test files."""

OWN = "own"
"""Name, where a language's code would stand, of the LLM's own answers in the folder of a run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `chat`."""
    add_writing_arguments(parser, TASK, "test", max_examples=0)


def run(arguments: argparse.Namespace) -> None:
    """Let a system answer parallel messages, and compare with the LLM's own answers to the English ones.

    The English messages are asked of the system too, as the language "en".

    Raises:
        FusionDemoError: an option, the system or the data cannot be used.
    """
    info = check_writer(arguments)
    messages, english = read_messages(arguments)
    system = build_checkpoint(arguments, info, TASK) if info else build_baseline(arguments, TASK, messages)
    description = describe_writing(arguments, system, TASK, arguments.split, messages)
    folder = arguments.predictions or default_folder(description)
    languages = {}
    with open_run(folder, description) as kept:
        wanted = write_answers(teacher_of(system), TASK, OWN, english, kept, arguments.batch_size)
        for code, rows in messages.items():
            answers = write_answers(system, TASK, code, rows, kept, arguments.batch_size)
            scores = score_answers(answers, wanted, [example.label for example in rows])
            scores["divergence"] = divergence(system, code, rows, english, wanted, arguments.batch_size)
            languages[code] = scores
            print(report_line(code, scores, MEASURES, DECIMALS), flush=True)
            for example, own, answer in list(zip(english, wanted, answers, strict=True))[: arguments.show]:
                print(f"    {example.text}\n      LLM: {own}\n      -> {answer}")
    report = build_writing_report(arguments, system, MEASURES, languages)
    print(report_line("mean", report["mean"], MEASURES, DECIMALS))
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
    """Return KL(LLM reading the English || system) in nats, the mean over the tokens of all answers.

    Both go on along the LLM's own answers to the English messages.
    """
    texts = system.answerer.prepare([example.text for example in messages], code)
    tokens = teacher_of(system).answerer.count_answer_tokens(wanted, TASK)
    total = 0.0
    for batch in batches_by_length(texts, batch_size):
        mean = system.answerer.divergence(
            [texts[i] for i in batch], [wanted[i] for i in batch], [english[i].text for i in batch], TASK
        )
        total += mean * sum(tokens[i] for i in batch)
    return total / sum(tokens)


def teacher_of(system: System) -> System:
    """Return the system's own LLM, which reads messages itself, in the same prompt form."""
    answerer = system.answerer
    if isinstance(answerer, BridgeAnswerer):
        bridge = answerer.bridge
        answerer = LLMAlone(
            bridge.llm,
            prompt_form=bridge.config.prompt_form,
            template_arguments=bridge.config.template_arguments,
        )
    elif isinstance(answerer, TranslationPipeline):
        answerer = answerer.llm
    return dataclasses.replace(system, answerer=answerer)
