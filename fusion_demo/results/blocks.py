"""What the results page is made of, for docs/results.md and for the tab Results alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


class Cell(str):
    """A number as a table shows it, with what the table is sorted by.

    Attributes:
        value: The number, or None where there is none.

    Example: `Cell("80.0 (76.3–83.3; n 500)", 0.8)`.
    """

    value: float | None

    def __new__(cls, text: str, value: float | None = None) -> Self:
        """Return the text, which remembers its number."""
        cell = super().__new__(cls, text)
        cell.value = value
        return cell


MISSING = Cell("–")


@dataclass(frozen=True)
class Table:
    """A table of texts and `Cell`s.

    Attributes:
        name: What a menu of tables calls it.
        header: Titles of the C columns.
        body: R rows of C texts.
        caption: The line above it, as Markdown; empty if it needs none.
    """

    name: str
    header: Sequence[str]
    body: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Commands:
    """Command lines, to be shown as they are."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Picture:
    """A drawing.

    Attributes:
        name: Name of its file.
        text: What it shows, in words.
        svg: The drawing itself, as an SVG document.
    """

    name: str
    text: str
    svg: str


Block = str | Table | Commands | Picture
"""A paragraph of Markdown, a table, commands, or a drawing."""


@dataclass(frozen=True)
class Section:
    """A heading, and what stands below it.

    Attributes:
        heading: The heading; no other section has it.
        blocks: What stands below it.
        page: The page that has the details: a task's name, or "speed"; empty if there are none.
        overview: Whether this stands on the first page, docs/results.md, and not among the details.
    """

    heading: str
    blocks: Sequence[Block]
    page: str = ""
    overview: bool = False
