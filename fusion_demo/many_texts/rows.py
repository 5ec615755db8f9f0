"""A row of texts to be classified, and rows that are typed or pasted, one a line."""

import re
from dataclasses import dataclass

from fusion_demo.errors import InputError

MAX_ROWS = 200
"""Most texts taken at once: about a minute on two cores."""

SEPARATORS = ("\t", "|")
"""Between the two texts of a pair on one line: a tab, as spreadsheets copy it, or else a bar."""


@dataclass(frozen=True)
class InputRow:
    """One text or pair, as it was given.

    Attributes:
        texts: One for each field of the task; fewer where there is a problem.
        problem: Why the row cannot be read; empty for most.
    """

    texts: tuple[str, ...]
    problem: str = ""


def read_lines(text: str, fields: tuple[str, ...]) -> list[InputRow]:
    """Return a row for each line that is not blank.

    Args:
        text: At most `MAX_ROWS` lines. The two texts of a pair stand on one line, with a tab or, where there
            is none, a bar between them.
        fields: What the task calls its texts.

    Raises:
        InputError: there is no line, or there are too many.

    Example: `read_lines("It rains. | It is dry.", ("premise", "hypothesis"))` ->
    [InputRow(("It rains.", "It is dry."))].
    """
    # Not `splitlines`, which also cuts at signs that may stand within a line, such as U+2028.
    lines = [line for line in re.split("\r\n|\r|\n", text) if line.strip()]
    if not lines:
        raise InputError("There are no texts yet. Type or paste one a line, or choose a file.")
    check_row_count(len(lines))
    return [_read_line(line, fields) for line in lines]


def check_row_count(count: int) -> None:
    """Refuse more rows than `MAX_ROWS`.

    Raises:
        InputError: there are more.
    """
    if count > MAX_ROWS:
        raise InputError(
            f"There are more than {MAX_ROWS} texts, and no more are read at once. Split them, and classify "
            "one part after the other."
        )


def _read_line(line: str, fields: tuple[str, ...]) -> InputRow:
    if len(fields) == 1:
        return InputRow((line,))
    separator = next((sign for sign in SEPARATORS if sign in line), None)
    parts = tuple(part.strip() for part in line.split(separator)) if separator else (line,)
    if len(parts) != len(fields):
        there = "there is neither on this one" if separator is None else f"this one has {len(parts)} parts"
        return InputRow(
            parts,
            f'A line needs the {fields[0]}, a tab or "|", and the {fields[1]}; {there}. Correct the line.',
        )
    return InputRow(parts)
