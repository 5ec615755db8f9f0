"""Tables of what `compare` found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion_demo.comparison.table import interval_text, mean_title, p_text, points
from fusion_demo.comparison.verdict import VERDICTS
from fusion_demo.evaluation import percent
from fusion_demo.languages import LANGUAGES
from fusion_demo.results.files import broken
from fusion_demo.results.markdown import table

HEADER = ("", "A", "B", "A − B, points (95 %)", "n", "p", "p (Holm)", "verdict")


def render_comparison(path: Path, comparison: Mapping[str, Any]) -> str:
    """Return a table for every pair of systems: means first, then languages.

    Raises:
        DataError: this is no result of `compare`.
    """
    try:
        parts = [
            f"Score: {comparison['score']}. {_rows(comparison)} Made by\n\n    {comparison['command']}\n"
        ]
        for pair in comparison["pairs"]:
            body = [
                _row(mean_title(name, mean), mean, corrected=False) for name, mean in pair["means"].items()
            ]
            body += [_row(LANGUAGES[code].english_name, found) for code, found in pair["languages"].items()]
            parts.append(f"A = **{pair['a']}**, B = **{pair['b']}**\n\n{table(HEADER, body)}")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise broken(path, "compare") from None
    return "\n".join(parts)


def _rows(comparison: Mapping[str, Any]) -> str:
    if comparison["rows"] == "parallel":
        return "Every row is the same text in all languages; means keep such rows together."
    return "The rows of different languages are different texts."


def _row(title: str, found: Mapping[str, Any], *, corrected: bool = True) -> list[str]:
    if found["verdict"] not in VERDICTS:
        raise ValueError(found["verdict"])
    return [
        title,
        percent(found["accuracy_a"]),
        percent(found["accuracy_b"]),
        f"{points(found['difference'])} ({interval_text(found['interval'])})",
        f"{found['n']:,}",
        p_text(found["p_value"]),
        p_text(found["adjusted_p_value"]) if corrected else "",
        found["verdict"],
    ]
