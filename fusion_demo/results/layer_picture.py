"""The weights of the layers by language as a drawing: an SVG document, from the standard library alone."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fusion_demo.evaluation import percent
from fusion_demo.languages import LANGUAGES

CELL, ROW, MARGIN, TITLE = 46, 20, 100, 46
LIGHT, DARK = (255, 255, 255), (49, 46, 129)
"""Colours of no weight and of the largest one, as red, green and blue from 0 to 255."""


def layer_picture(reports: Sequence[Mapping[str, Any]]) -> str:
    """Return one heat map a report, one below the other: a row a language, a column a layer.

    Args:
        reports: What `layers` wrote; each needs `checkpoint`, `split`, `layers` and `languages`.
    """
    columns = max(len(report["layers"]) for report in reports)
    width = MARGIN + columns * CELL + 10
    parts, top = [], 0
    for report in reports:
        parts += _panel(report, top)
        top += TITLE + (len(report["languages"]) + 1) * ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        + "".join(f"{part}\n" for part in parts)
        + "</svg>\n"
    )


def _panel(report: Mapping[str, Any], top: int) -> list[str]:
    title = f"{report['checkpoint']}, {report['split']} split: mean weight of each layer, %"
    parts = [f'<text x="6" y="{top + 24}" font-weight="bold">{escape(title)}</text>']
    first = top + TITLE
    for column, layer in enumerate(report["layers"]):
        parts.append(_text(MARGIN + (column + 0.5) * CELL, first - 5, str(layer), "#333333"))
    largest = max(max(use["weights"]) for use in report["languages"].values())
    for row, (code, use) in enumerate(report["languages"].items()):
        y = first + row * ROW
        parts.append(f'<text x="6" y="{y + 15}">{escape(LANGUAGES[code].english_name)}</text>')
        for column, weight in enumerate(use["weights"]):
            share = weight / largest if largest else 0.0
            x = MARGIN + column * CELL
            parts.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{ROW}" fill="{_colour(share)}"/>')
            colour = "#ffffff" if share > 0.5 else "#111111"
            parts.append(_text(x + CELL / 2, y + 14, percent(weight), colour))
    return parts


def _text(x: float, y: float, text: str, colour: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" fill="{colour}">{escape(text)}</text>'


def _colour(share: float) -> str:
    mixed = (round(light + share * (dark - light)) for light, dark in zip(LIGHT, DARK, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)
