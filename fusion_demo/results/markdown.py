"""Markdown tables."""

from collections.abc import Sequence

MISSING = "–"


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, with a line feed at its end.

    Example: `table(["a", "b"], [["1", "2"]])` -> "| a | b |\\n| --- | --- |\\n| 1 | 2 |\\n".
    """
    lines = [header, ["---"] * len(header), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
