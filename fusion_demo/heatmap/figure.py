"""Tokens and layer weights → a plotly figure: one column per token or word, one row per layer.

It paints the weights that the fusion returned, unchanged. The labels are drawn by the
browser, which shapes Indic and Arabic scripts as plotting libraries of Python do not.
"""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from fusion_demo.heatmap.graphemes import visible_length
from fusion_demo.heatmap.grouping import check_rows
from fusion_demo.heatmap.labels import column_label, hover_label, layer_name, short_layer_name
from fusion_demo.heatmap.scales import WEIGHT, Scale
from fusion_demo.tokens import Token

FONTS = (
    "Source Sans Pro",
    "Noto Sans Sinhala",
    "Noto Sans Tamil",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Gujarati",
    "Noto Sans Gurmukhi",
    "Noto Sans Kannada",
    "Noto Sans Malayalam",
    "Noto Sans Oriya",
    "Noto Sans Telugu",
    "ui-sans-serif",
    "system-ui",
    "sans-serif",
)
"""Fonts of the page and the figure, where the reader's system has them.

Left to themselves, browsers on Linux may take "Noto Sans Tamil Supplement" for Tamil, which holds
a few old signs and boxes for the rest.
"""

LABEL_ANGLE = 60
"""Degrees that labels slant. The steeper, the nearer columns may stand before labels touch."""

COLUMN_PIXELS = (20, 52)
"""Narrowest column, at which slanted labels are still readable, and widest one."""

MAX_LABELS = 96
"""Above so many columns only every second, third … one has its label; the hover names them all.

plotly.js measures each label in a document that holds all of them, so its time grows with their square: 128
take about a second, 512 about twenty.
"""

PREFERRED_PIXELS = 560
"""Width that the columns share while they are wider than the narrowest."""

ROW_PIXELS = 24
TOP_PIXELS = 60
MARGIN_PIXELS = 56
GRAPHEME_PIXELS = 9
"""Roughly the width of one grapheme of a label; plotly widens the margin where that is too little."""


def layer_heatmap(
    tokens: Sequence[Token],
    layer_weights: np.ndarray,
    *,
    scale: Scale = WEIGHT,
    first_layer: int = 1,
    direction: str = "ltr",
) -> go.Figure:
    """Draw how much of each layer each token used.

    The figure is as wide as its columns need; let the page scroll it, not squeeze it.

    Args:
        tokens: T tokens, or words from `group_words`.
        layer_weights: (T, L) weights. Rows of NaN become empty columns.
        scale: `WEIGHT` paints them as they are, from 0 to their maximum; `DIFFERENCE` paints α - 1/L, with 0
            in the middle of the colours.
        first_layer: Number of the first column's layer; 0 where it is the embedding output.
        direction: "rtl" puts the first token on the right, for Arabic, Urdu and Hebrew.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    check_rows(tokens, layer_weights)
    rtl = direction == "rtl"
    count, rows = layer_weights.shape
    layers = np.arange(first_layer, first_layer + rows)
    ticks = [short_layer_name(layer) for layer in layers]
    labels = [column_label(token) for token in tokens]
    values = scale.values(layer_weights)
    reach = scale.reach(values)
    column = min(max(PREFERRED_PIXELS // count, COLUMN_PIXELS[0]), COLUMN_PIXELS[1])
    longest = max(map(visible_length, labels)) * GRAPHEME_PIXELS
    angle = math.radians(LABEL_ANGLE)
    axis = max(MARGIN_PIXELS, GRAPHEME_PIXELS * max(map(len, ticks)))
    left = max(MARGIN_PIXELS if rtl else axis, int(longest * math.cos(angle)) - column // 2)
    right = axis if rtl else 16
    bottom = 20 + int(longest * math.sin(angle))
    every = math.ceil(count / MAX_LABELS)
    figure = go.Figure(
        go.Heatmap(
            z=values.T,
            x=np.arange(count),
            y=layers,
            zmin=-reach if scale.diverging else 0.0,
            zmax=reach,
            hoverongaps=False,
            colorscale=scale.colours,
            xgap=1,
            ygap=1,
            text=[[hover_label(token) for token in tokens]] * rows,
            customdata=[[layer_name(layer)] * count for layer in layers],
            hovertemplate="%{text}<br>%{customdata}: <b>%{z:" + scale.number + "}</b><extra></extra>",
            colorbar={
                "orientation": "h",
                "x": 1.0 if rtl else 0.0,
                "xanchor": "right" if rtl else "left",
                "y": 1.0,
                "yanchor": "bottom",
                "ypad": 6,
                "lenmode": "pixels",
                "len": 220,
                "thickness": 10,
                "nticks": 4,
                "outlinewidth": 0,
                "title": {"text": scale.title, "side": "top", "font": {"size": 13}},
            },
        )
    )
    figure.update_layout(
        width=left + right + count * column,
        height=TOP_PIXELS + bottom + rows * ROW_PIXELS,
        margin={"l": left, "r": right, "t": TOP_PIXELS, "b": bottom},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": ", ".join(FONTS), "size": 13},
        dragmode=False,
        hovermode="closest",
    )
    reading_order = [count - 0.5, -0.5] if rtl else [-0.5, count - 0.5]
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}
    figure.update_xaxes(
        range=reading_order,
        tickvals=np.arange(count)[::every],
        ticktext=labels[::every],
        tickangle=-LABEL_ANGLE,
        automargin=True,
        **plain,
    )
    figure.update_yaxes(
        range=[first_layer - 0.5, layers[-1] + 0.5],
        tickvals=layers,
        ticktext=ticks,
        ticklabelstandoff=4,
        side="right" if rtl else "left",
        **plain,
    )
    figure.add_annotation(
        text="layer",
        x=1.0 if rtl else 0.0,
        y=1.0,
        xref="paper",
        yref="paper",
        xanchor="left" if rtl else "right",
        yanchor="bottom",
        xshift=4 if rtl else -4,
        showarrow=False,
    )
    _separate_words(figure, tokens, first_layer - 0.5, layers[-1] + 0.5)
    return figure


def _separate_words(figure: go.Figure, tokens: Sequence[Token], low: float, high: float) -> None:
    """Draw a line between words wherever some word has more than one column."""
    starts = [row for row in range(1, len(tokens)) if tokens[row].word != tokens[row - 1].word]
    if len(starts) == len(tokens) - 1:
        return
    path = " ".join(f"M{start - 0.5},{low} L{start - 0.5},{high}" for start in starts)
    if path:
        figure.add_shape(type="path", path=path, line={"color": "white", "width": 3})
