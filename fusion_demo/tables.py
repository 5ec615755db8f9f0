"""Tables in text files, as their formats have them; what is wrong with a row is said of that row.

CSV (RFC 4180): a cell that begins with a quotation mark ends with the next single one, and may hold anything
between. TSV (IANA, text/tab-separated-values): a line is a row, a tab ends a cell, and a quotation mark is a
sign like any other.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""Spreadsheets write a semicolon where the comma is the decimal sign."""

_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_ONE_CELL = re.compile(rf"{_QUOTED.pattern}(?=[\r\n]|\Z)|[^\r\n]*")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class TableRow:
    """One row.

    Attributes:
        cells: In the order of the columns; not one for each where there is a problem.
        problem: Why it cannot be read, with its line; empty for most.
    """

    cells: list[str]
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """A table that is being read.

    Attributes:
        names: Of the columns, as the first line has them.
        rows: Those behind it, blank lines left out. They are read as they are asked for.
    """

    names: list[str]
    rows: Iterator[TableRow]

    def places(self, wanted: Collection[str]) -> dict[str, list[int]]:
        """Return where the columns of these names stand, capital or not."""
        keys = [_key(name) for name in self.names]
        return {name: [place for place, key in enumerate(keys) if key == _key(name)] for name in wanted}


def read_table(text: str, wanted: Collection[str], *, tabs: bool) -> Table:
    """Read a table of which the first line names the columns.

    In a file of one column nothing is to be told apart, so that its lines may hold any sign.

    Args:
        text: The file.
        wanted: Columns that it should have. In a CSV file commas, semicolons or tabs stand between cells;
            the first of them that gives these columns is taken, else the one that gives most.
        tabs: It is TSV, not CSV.
    """
    if tabs:
        return _read_tabs(text)
    headers = {sign: _header(text, sign) for sign in DELIMITERS}
    keys = {_key(name) for name in wanted}
    fitting = [sign for sign, names in headers.items() if keys <= {_key(name) for name in names}]
    sign = fitting[0] if fitting else max(headers, key=lambda sign: len(headers[sign]))
    names = headers[sign]
    return Table(names, _read_lines(text) if len(names) == 1 else _read_cells(text, sign, len(names)))


def _header(text: str, sign: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True), [])
    except csv.Error:
        return []


def _read_cells(text: str, sign: str, columns: int) -> Iterator[TableRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    next(reader)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on behind the line
            yield TableRow([], _broken(str(error), line))
            continue
        if cells:
            remedy = f"Put cells that hold a {DELIMITERS[sign]} in quotation marks."
            yield _counted(cells, columns, line, remedy)


def _read_lines(text: str) -> Iterator[TableRow]:
    """Yield the rows of a file of one column, each of one cell."""
    place = 0
    while place < len(text):
        found = _ONE_CELL.match(text, place)
        if place and found[0].strip():  # not the column's name
            yield TableRow([found[0] if found[1] is None else found[1].replace('""', '"')])
        end = _LINE_BREAK.match(text, found.end())
        place = end.end() if end else len(text)


def _read_tabs(text: str) -> Table:
    lines = enumerate(io.StringIO(text, newline=None), start=1)
    _, header = next(lines, (1, ""))
    names = header.rstrip("\n").split("\t")
    # Some programs put what they like in quotation marks here, too; then the names have them as well.
    always = all(_QUOTED.fullmatch(name) for name in names)

    def rows() -> Iterator[TableRow]:
        for number, line in lines:
            if line.strip(" \n"):
                cells = line.rstrip("\n").split("\t") if len(names) > 1 else [line.rstrip("\n")]
                cells = [_unquoted(cell, always=always) for cell in cells]
                yield _counted(cells, len(names), number, "No cell can hold a tab. Correct or remove it.")

    return Table([_unquoted(name, always=always) for name in names], rows())


def _unquoted(cell: str, *, always: bool) -> str:
    """Return a cell without the quotation marks of a program that writes TSV as it writes CSV.

    Such a program doubles those within, by which it is known.
    """
    quoted = _QUOTED.fullmatch(cell)
    return quoted[1].replace('""', '"') if quoted and (always or '""' in cell) else cell


def _counted(cells: list[str], columns: int, line: int, remedy: str) -> TableRow:
    if len(cells) < columns:
        return TableRow(cells, f"Line {line} has {len(cells)} of {columns} columns. Correct or remove it.")
    if len(cells) > columns:
        return TableRow(
            cells, f"Line {line} has {len(cells)} cells, but the first line names {columns} columns. {remedy}"
        )
    return TableRow(cells)


def _broken(error: str, line: int) -> str:
    if "field larger" in error:
        return f"Line {line} holds a cell that is too long, or a quotation mark that is never closed."
    return (
        f"From line {line} on, quotation marks do not match. Write a quotation mark within a cell twice, and "
        "close every cell that begins with one."
    )


def _key(name: str) -> str:
    return name.strip().casefold()
