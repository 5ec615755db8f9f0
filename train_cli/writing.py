"""Free answers of a system, kept row by row."""

from collections.abc import Sequence

from tqdm import tqdm

from fusion_demo.batching import batches_by_length
from fusion_demo.data import Example
from fusion_demo.evaluation import RunWriter
from fusion_demo.tasks import Task
from train_cli.systems import System

WINDOW = 64
"""Texts whose answers are kept together; a stop costs at most so many."""


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
