"""Asks a system about each text, in batches, and keeps what it answers."""

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge
from fusion_demo.data import Example
from fusion_demo.errors import DataError, ModelError
from fusion_demo.evaluation.answerer import Answerer, BridgeAnswerer
from fusion_demo.evaluation.predictions import PredictionRow, RunWriter
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text

WINDOW = 256
"""Texts that are sorted by length and written together; a stop costs at most so many answers."""

DECIMALS = 5
"""Of the log-likelihoods, in nats: as many as float32 holds in a sum over a label's tokens."""


def classify_examples(
    bridge: FusionBridge, task: Task, examples: Sequence[Example], *, batch_size: int, description: str = ""
) -> list[PredictionRow]:
    """Return the most likely label of every example, in the order of the examples.

    Texts of like length share a batch, so that little is computed on padding.

    Args:
        bridge: What scores the label words.
        task: Its instruction, label words and labels are used.
        examples: The texts; their own labels decide nothing.
        batch_size: Texts per batch.
        description: Shown before the progress bar; there is none where stderr is no terminal.
    """
    texts = [example.text for example in examples]
    with _progress(len(texts), description) as progress:
        return _answer(BridgeAnswerer(bridge), task, examples, texts, batch_size, False, progress)


def answer_language(
    answerer: Answerer,
    task: Task,
    language: str,
    examples: Sequence[Example],
    run: RunWriter,
    *,
    batch_size: int,
    generate: bool = False,
) -> list[PredictionRow]:
    """Answer what a run lacks of one language, and keep it there.

    Texts are taken in windows of `WINDOW`, sorted by length within a window and written in the order of
    the data. A window that a stop cut through is answered again, in the same batches, so that a run that
    was stopped holds the same bytes as one that was not.

    Args:
        answerer: The system.
        task: What it is asked.
        language: Code of the texts' language.
        examples: All examples of the language.
        run: Where finished rows are and new ones go.
        batch_size: Texts per batch.
        generate: Also let the system write an answer.

    Returns:
        One row for each example, in order.

    Raises:
        DataError: the run holds rows of other texts.
        ModelError: a score is not a number.
    """
    rows = run.finished(language)
    asked = [(example.row, example.label) for example in examples]
    if [(row.row, row.gold) for row in rows] != asked[: len(rows)]:
        raise DataError(
            f"{run.folder} holds answers to other texts in '{language}'. "
            f"Name another folder with --predictions, or remove this one: rm -r {run.folder}"
        )
    begun = len(rows) // WINDOW * WINDOW if len(rows) < len(examples) else len(examples)
    with _progress(len(examples), language, begun) as progress:
        for start in range(begun, len(examples), WINDOW):
            window = examples[start : start + WINDOW]
            texts = _prepare(answerer, language, window, run)
            answered = _answer(answerer, task, window, texts, batch_size, generate, progress)
            new = answered[len(rows) - start :]
            run.append(language, new)
            rows += new
    return rows


def describe_data(examples: Sequence[Example]) -> dict[str, Any]:
    """Return how many examples there are and a digest of them, to know the same texts again.

    Returns:
        `rows` and `sha256`, over the place, text and label of each example.
    """
    digest = hashlib.sha256()
    for example in examples:
        line = json.dumps([example.row, example.text, example.label], ensure_ascii=False)
        digest.update(line.encode() + b"\n")
    return {"rows": len(examples), "sha256": digest.hexdigest()}


def _prepare(answerer: Answerer, language: str, window: Sequence[Example], run: RunWriter) -> list[Text]:
    """What the system reads of a window: from the run if it is there, since translating is slow."""
    kept = run.english(language)
    rows = [example.row for example in window]
    if kept.keys() >= set(rows):
        return [kept[row] for row in rows]
    texts = [example.text for example in window]
    prepared = answerer.prepare(texts, language)
    if prepared != texts:
        new = dict(zip(rows, prepared, strict=True))
        run.append_english(language, {row: text for row, text in new.items() if row not in kept})
    return prepared


def _answer(
    answerer: Answerer,
    task: Task,
    examples: Sequence[Example],
    texts: Sequence[Text],
    batch_size: int,
    generate: bool,
    progress: tqdm,
) -> list[PredictionRow]:
    rows: dict[int, PredictionRow] = {}
    for batch in batches_by_length(texts, batch_size):
        given = [texts[index] for index in batch]
        scores = answerer.score_labels(given, task).tolist()
        answers = answerer.generate(given, task) if generate else [None] * len(batch)
        for index, numbers, answer in zip(batch, scores, answers, strict=True):
            rows[index] = _row(task, examples[index], numbers, answer)
        progress.update(len(batch))
    return [rows[index] for index in range(len(texts))]


def _row(task: Task, example: Example, scores: list[float], answer: str | None) -> PredictionRow:
    if not all(map(math.isfinite, scores)):
        raise ModelError(
            f"The scores of text {example.row} are not numbers: the computation overflowed. "
            "Use --dtype float32 or bfloat16."
        )
    rounded = tuple(round(score, DECIMALS) for score in scores)
    best = max(range(len(rounded)), key=rounded.__getitem__)
    return PredictionRow(
        row=example.row,
        gold=example.label,
        label=task.labels[best],
        log_likelihoods=rounded,
        answer=answer,
    )


def _progress(total: int, description: str, done: int = 0) -> tqdm:
    return tqdm(total=total, initial=done, desc=description, unit="text", disable=None, leave=False)
