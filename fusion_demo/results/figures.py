"""How measured figures are written, with what they vary by."""

from collections.abc import Mapping
from typing import Any

from fusion_demo.results.blocks import Cell


def spread(found: Mapping[str, float]) -> Cell:
    """Return a median and its quartiles. Example: "12.3 (12.1–12.9)"."""
    text = f"{short(found['median'])} ({short(found['low'])}–{short(found['high'])})"
    return Cell(text, found["median"])


def ratio(found: Mapping[str, Any]) -> Cell:
    """Return a ratio and its interval. Example: "1.20 (1.19–1.22)"."""
    return Cell(f"{found['ratio']:.2f} ({interval(found, 1, 2)})", found["ratio"])


def interval(found: Mapping[str, Any], factor: float, decimals: int) -> str:
    """Return both ends of an interval, each times a factor. Example: "52–61"."""
    low, high = found["interval"]
    return f"{factor * low:.{decimals}f}–{factor * high:.{decimals}f}"


def megabytes(number: float) -> Cell:
    """Return bytes in megabytes. Example: 3,286,466,560 -> "3,286"."""
    return Cell(f"{number / 1e6:,.0f}", number)


def short(value: float) -> str:
    """Return a number with three digits that say something. Example: 0.1234 -> "0.123", 123.4 -> "123"."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{decimals}f}"
