"""Reads the rows of an uploaded file: CSV, TSV or JSONL in UTF-8, with or without a byte order mark.

What is wrong with one row becomes that row's problem; what is wrong with the whole file is an error.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from fusion_demo.errors import InputError, shown
from fusion_demo.many_texts.rows import InputRow, check_row_count
from fusion_demo.tables import read_table

MAX_FILE_BYTES = 8_000_000
"""Largest file: more than `MAX_ROWS` pairs of the longest texts have in three-byte scripts."""

LISTED_COLUMNS = 12
"""A message names at most so many of the columns that it found."""


@dataclass(frozen=True)
class Upload:
    """What a file holds.

    Attributes:
        rows: Its rows, in order.
        unused: Names of columns that the task does not read.
    """

    rows: list[InputRow]
    unused: list[str]


def read_upload(name: str, content: bytes, fields: tuple[str, ...]) -> Upload:
    """Read a file's rows.

    A CSV or TSV file begins with the names of its columns, see `read_table`. The columns of the task's
    fields are read, capital or not and in any order. A JSONL file has one object a line. Blank lines are no
    rows.

    Args:
        name: Its name; the ending says what it is.
        content: Its bytes.
        fields: What the task calls its texts, as ("text",) or ("premise", "hypothesis").

    Raises:
        InputError: the file is too large, of another kind, not UTF-8, has no rows, too many, or not the
            columns.
    """
    ending = PurePath(name).suffix.lower()
    if ending not in READERS:
        raise InputError(
            f"{shown(PurePath(name).name)} is none of the files that can be read: {', '.join(READERS)}. Save "
            "the texts as one of these."
        )
    if len(content) > MAX_FILE_BYTES:
        raise InputError(
            f"The file has {len(content):,} bytes; at most {MAX_FILE_BYTES:,} can be read. Split it."
        )
    try:
        text = content.decode("utf-8-sig")  # -sig: spreadsheets open a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"The file is not UTF-8: line {line} holds other bytes. Save it as UTF-8; in a spreadsheet that "
            'is "CSV UTF-8".'
        ) from None
    upload = READERS[ending](text, fields)
    if not upload.rows:
        raise InputError(f"The file holds no rows. It needs {_needed(fields)}.")
    return upload


def _read_table(text: str, fields: tuple[str, ...], *, tabs: bool = False) -> Upload:
    """Read lines of cells, of which the first names the columns."""
    table = read_table(text, fields, tabs=tabs)
    places = table.places(fields)
    if not all(places.values()):
        raise InputError(
            f"The first line names these columns: {_listed(table.names)}. The file needs {_needed(fields)}. "
            "Rename a column, or add a first line with the names."
        )
    twice = next((field for field in fields if len(places[field]) > 1), None)
    if twice:
        raise InputError(f"There are two columns {twice!r}. Keep one of them.")
    read = [place for (place,) in places.values()]
    rows = []
    for row in table.rows:
        check_row_count(len(rows))  # at each, so that a file of a million lines costs no memory
        texts = tuple(row.cells[place] for place in read if place < len(row.cells))
        rows.append(InputRow(texts, row.problem))
    check_row_count(len(rows))
    return Upload(rows, [name.strip() for place, name in enumerate(table.names) if place not in read])


def _read_jsonl(text: str, fields: tuple[str, ...]) -> Upload:
    """Read one JSON object a line."""
    rows, keys = [], {}
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        check_row_count(len(rows))
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            rows.append(InputRow((), f"Line {number} is not a JSON object. Correct or remove it."))
            continue
        keys |= dict.fromkeys(values)
        given = [values.get(field) for field in fields]
        texts = tuple(text for text in given if isinstance(text, str))
        missing = [name for name, text in zip(fields, given, strict=True) if not isinstance(text, str)]
        problem = ""
        if missing:
            problem = f"Line {number} has no string {missing[0]!r}. Found: {_listed(list(values))}."
        rows.append(InputRow(texts, problem))
    check_row_count(len(rows))
    if keys and not set(fields) <= set(keys):
        raise InputError(
            f"The objects have these keys: {_listed(list(keys))}. The file needs {_needed(fields)}."
        )
    return Upload(rows, [key for key in keys if key not in fields])


READERS = {
    ".csv": _read_table,
    ".tsv": partial(_read_table, tabs=True),
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
FILE_ENDINGS = tuple(READERS)


def _needed(fields: tuple[str, ...]) -> str:
    names = " and ".join(f"'{field}'" for field in fields)
    return f"a column {names}" if len(fields) == 1 else f"the columns {names}"


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name.strip()) for name in names[:LISTED_COLUMNS])
    more = len(names) - LISTED_COLUMNS
    return (listed + (f" and {more} more" if more > 0 else "")) or "none"
