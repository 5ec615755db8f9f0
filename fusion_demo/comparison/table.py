"""A comparison as a plain-text table."""

from collections.abc import Mapping
from typing import Any

from fusion_demo.evaluation import percent
from fusion_demo.languages import LANGUAGES

HEADER = ("", "A %", "B %", "A - B", "95 %", "n", "p", "p (Holm)", "verdict")


def format_comparison(comparison: Mapping[str, Any]) -> str:
    """Return what `compare_runs` found as one aligned table per pair of systems, accuracies in per cent."""
    parts = [
        f"{comparison['task']}, {comparison['split']} split, score: {comparison['score']}, "
        f"rows of the languages: {comparison['rows']}"
    ]
    if comparison["left_out"]:
        parts.append(f"Not measured with every system, left out: {', '.join(comparison['left_out'])}")
    for pair in comparison["pairs"]:
        rows = [HEADER]
        rows += [_row(f"{LANGUAGES[code].english_name} ({code})", r) for code, r in pair["languages"].items()]
        rows += [_row(mean_title(name, mean), mean, corrected=False) for name, mean in pair["means"].items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"A = {pair['a']}", f"B = {pair['b']}"]
        for name, *cells, verdict in rows:
            aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:-1], strict=True)]
            lines.append("  ".join([name.ljust(widths[0]), *aligned, verdict]))
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def mean_title(name: str, mean: Mapping[str, Any]) -> str:
    """Return the title of a mean over languages. Example: "indic", ten languages -> "mean of indic (10)"."""
    return f"mean of {name} ({len(mean['languages'])})"


def points(fraction: float) -> str:
    """Return a difference in percentage points with its sign; what rounds to zero has no minus.

    Example: -0.0123 -> "−1.2".
    """
    return f"{round(100 * fraction, 1) + 0.0:+.1f}".replace("-", "−")


def p_text(p_value: float) -> str:
    """Return a p-value with as many digits as tell it from 0.05 and from zero.

    Example: 0.3141 -> "0.31", 0.0312 -> "0.031", 0.00123 -> "0.0012", 1e-9 -> "<0.0001".
    """
    if p_value < 0.0001:
        return "<0.0001"
    return f"{p_value:.{2 if p_value >= 0.1 else 3 if p_value >= 0.01 else 4}f}"


def interval_text(interval: tuple[float, float] | list[float]) -> str:
    """Return an interval of a difference in percentage points. Example: (-0.01, 0.052) -> "−1.0 to +5.2"."""
    low, high = interval
    return f"{points(low)} to {points(high)}"


def _row(title: str, found: Mapping[str, Any], *, corrected: bool = True) -> tuple[str, ...]:
    return (
        title,
        percent(found["accuracy_a"]),
        percent(found["accuracy_b"]),
        points(found["difference"]),
        interval_text(found["interval"]),
        f"{found['n']:,}",
        p_text(found["p_value"]),
        p_text(found["adjusted_p_value"]) if corrected else "",
        found["verdict"],
    )
