"""A heatmap as a file: CSV and JSON with the exact numbers, HTML that opens alone and without a network.

The numbers are written with as many digits as it takes to read the very same ones back.
"""

import csv
import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from fusion_demo.heatmap.grouping import check_rows
from fusion_demo.heatmap.labels import layer_name
from fusion_demo.heatmap.scales import uniform
from fusion_demo.heatmap.table import Columns

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets run a cell that begins with one of these (OWASP, "CSV Injection")."""

BYTE_ORDER_MARK = "\ufeff"
"""Without it spreadsheets take UTF-8 for another encoding."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 1.5rem; font-family: {fonts}; color: #1e293b; background: #fff; }}
.figure, .numbers {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .85rem; }}
caption {{ text-align: start; padding: .5rem 0; }}
th, td {{ padding: .15rem .5rem; border-bottom: 1px solid #e2e8f0; text-align: end; white-space: nowrap; }}
th[scope=row], th[scope=rowgroup] {{ text-align: start; font-weight: 600; }}
</style>
</head>
<body>
<h1>{title}</h1>
{facts}
<div class="figure">{figure}</div>
<h2>The numbers</h2>
<div class="numbers">{table}</div>
</body>
</html>
"""


def plain_cell(text: str) -> str:
    """Return a text as a spreadsheet shows it and does not run it: behind an apostrophe where it might.

    Example: "=1+1" -> "'=1+1".
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def heatmap_csv(texts: Sequence[Columns], *, first_layer: int = 1) -> str:
    """Return one line for each of the heatmap's columns, with its weights.

    Texts that a spreadsheet would run get an apostrophe, see `plain_cell`; the JSON has them as they are.

    Args:
        texts: The text, or both of a pair, as the heatmap shows them.
        first_layer: Number of the weights' first column; 0 where it is the embedding output.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")  # RFC 4180
    names = [layer_name(layer) for layer in _layers(texts, first_layer)]
    writer.writerow(["field", "position", "part", "word", "special", "unknown", *names])
    for columns in texts:
        check_rows(columns.tokens, columns.layer_weights)
        rows = zip(columns.tokens, columns.layer_weights.tolist(), strict=True)
        for position, (token, weights) in enumerate(rows):
            flags = [str(flag).lower() for flag in (token.special, token.unknown)]
            writer.writerow(
                [columns.field, position, plain_cell(token.text), token.word, *flags, *map(repr, weights)]
            )
    return BYTE_ORDER_MARK + lines.getvalue()


def heatmap_json(texts: Sequence[Columns], about: Mapping[str, Any], *, first_layer: int = 1) -> str:
    """Return the heatmap's columns and weights as JSON.

    Args:
        texts: The text, or both of a pair, as the heatmap shows them.
        about: What else to tell of them, as the language; stands first.
        first_layer: Number of the weights' first column; 0 where it is the embedding output.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    for columns in texts:
        check_rows(columns.tokens, columns.layer_weights)
    report = {
        **about,
        "layers": _layers(texts, first_layer),
        "uniform": uniform(texts[0].layer_weights),
        "texts": [
            {
                "field": columns.field,
                "columns": [
                    {
                        "part": token.text,
                        "word": token.word,
                        "special": token.special,
                        "unknown": token.unknown,
                        "layer_weights": weights,
                    }
                    for token, weights in zip(columns.tokens, columns.layer_weights.tolist(), strict=True)
                ],
            }
            for columns in texts
        ],
    }
    return json.dumps(report, ensure_ascii=False, indent=1) + "\n"


def heatmap_html(figure: go.Figure, table: str, *, title: str, facts: str = "") -> str:
    """Return a page with the figure and its table that needs nothing else, not even a network.

    Args:
        figure: From `layer_heatmap`.
        table: From `heatmap_table`.
        title: Heading of the page; is escaped.
        facts: HTML that stands below the heading.
    """
    return PAGE.format(
        title=html.escape(title),
        fonts=html.escape(str(figure.layout.font.family), quote=False),
        facts=facts,
        figure=figure.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False}),
        table=table,
    )


def _layers(texts: Sequence[Columns], first_layer: int) -> list[int]:
    return list(range(first_layer, first_layer + texts[0].layer_weights.shape[1]))
