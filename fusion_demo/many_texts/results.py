"""Writes answered rows as CSV for spreadsheets and as JSONL for programs."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_demo.input_text import visible_text
from fusion_demo.many_texts.classify import AnsweredRow
from fusion_demo.many_texts.rows import InputRow
from fusion_demo.tasks import Task

FORMULA_SIGNS = tuple("=+-@＝＋－＠\t\r\n")
"""A spreadsheet takes a cell that begins with one of these for a formula (OWASP, "CSV Injection")."""

DECIMALS = 6


@dataclass(frozen=True)
class ResultRow:
    """One line of the results.

    Attributes:
        number: Which row of those given, from 1.
        texts: What was read, one for each field of the task; of a row with a problem, what was there.
        label: The most probable label; None where there is a problem.
        scores: Every label → its probability; empty where there is a problem.
        language: Code of the language that the text seems to be in, or None.
        note: What to know about the answer, or the problem.
    """

    number: int
    texts: tuple[str, ...]
    label: str | None
    scores: dict[str, float]
    language: str | None
    note: str

    def as_dict(self, task: Task) -> dict[str, Any]:
        """Return the row as JSON holds it; a text that was not there is empty."""
        texts = dict.fromkeys(task.fields, "") | dict(zip(task.fields, self.texts, strict=False))
        return {
            "row": self.number,
            **texts,
            "label": self.label,
            "scores": self.scores,
            "language": self.language,
            "note": self.note,
        }


def result_row(row: InputRow, answer: AnsweredRow, notes: Sequence[str] = ()) -> ResultRow:
    """Return the line of the results for a row and its answer.

    Args:
        row: What was given.
        answer: What became of it.
        notes: Sentences about the answer.
    """
    found = answer.classification
    # As it was read; no control character and no half of a surrogate pair gets into a file.
    texts = tuple(visible_text(text)[0] for text in row.texts)
    if found is None:
        return ResultRow(answer.index + 1, texts, None, {}, None, answer.problem)
    return ResultRow(answer.index + 1, texts, found.label, found.scores, found.language, " ".join(notes))


def result_columns(task: Task) -> list[str]:
    """Return the names of a result table's columns.

    Example: row, text, label, probability_pos, probability_neg, language, note.
    """
    probabilities = [f"probability_{label}" for label in task.labels]
    return ["row", *task.fields, "label", *probabilities, "language", "note"]


def results_csv(rows: Iterable[ResultRow], task: Task) -> bytes:
    """Return rows as CSV in UTF-8 with a byte order mark, as spreadsheets read every script.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(result_columns(task))
    for row in rows:
        values = row.as_dict(task)
        scores = [f"{row.scores[label]:.{DECIMALS}f}" if label in row.scores else "" for label in task.labels]
        texts = [_harmless(values[field]) for field in task.fields]
        writer.writerow(
            [row.number, *texts, row.label or "", *scores, row.language or "", _harmless(row.note)]
        )
    return file.getvalue().encode("utf-8-sig")


def results_jsonl(rows: Iterable[ResultRow], task: Task) -> bytes:
    """Return rows as UTF-8 JSONL, one object a line; the texts are unchanged."""
    lines = [json.dumps(row.as_dict(task), ensure_ascii=False) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()


def _harmless(cell: str) -> str:
    # Spreadsheets pass over blanks in front, too.
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA_SIGNS) else cell
