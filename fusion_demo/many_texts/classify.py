"""Classifies rows, texts of like length together; a row that cannot be used costs no other one."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge
from fusion_demo.classification import Classification, Question, classify_texts, read_question
from fusion_demo.errors import InputError
from fusion_demo.many_texts.rows import InputRow
from fusion_demo.tasks import Task

PAUSE_SECONDS = 0.002
"""Between batches. A lock that is taken again at once never goes to the one who waits for it."""


@dataclass(frozen=True)
class AnsweredRow:
    """What became of a row.

    Attributes:
        index: Which row, from 0.
        classification: Its answer; None where there is a problem.
        problem: Why there is none.
    """

    index: int
    classification: Classification | None = None
    problem: str = ""


def classify_rows(
    load: Callable[[], FusionBridge],
    lock: AbstractContextManager,
    rows: Sequence[InputRow],
    task: Task,
    *,
    batch_size: int,
) -> Iterator[AnsweredRow]:
    """Yield the answer to each row: first those that cannot be read, then the others, the shortest first.

    Args:
        load: Returns the bridge, in evaluation mode.
        lock: Held while a batch is read, and free between batches.
        rows: The texts.
        task: What is asked about them.
        batch_size: Texts per batch.
    """
    questions: dict[int, Question] = {}
    for index, row in enumerate(rows):
        try:
            if row.problem:
                raise InputError(row.problem)
            questions[index] = read_question(task, row.texts)
        except InputError as error:
            yield AnsweredRow(index, problem=str(error))
    readable = list(questions)
    for batch in batches_by_length([question.text for question in questions.values()], batch_size):
        asked = [readable[place] for place in batch]
        with lock:
            answers = classify_texts(load(), task, [questions[index] for index in asked])
        for index, answer in zip(asked, answers, strict=True):
            if isinstance(answer, InputError):
                yield AnsweredRow(index, problem=str(answer))
            else:
                yield AnsweredRow(index, answer)
        time.sleep(PAUSE_SECONDS)
