"""Tokens and layer weights → a plotly heatmap: one column per token or word, one row per layer.

The figure paints the weights that the fusion returned, unchanged. The labels are drawn by the
browser, which shapes Indic and Arabic scripts as plotting libraries of Python do not.
"""

import html
import math
import unicodedata
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale, unlabel_rgb

from fusion_demo.errors import ShapeError
from fusion_demo.tokens import WORD_MARK, Token

COLOUR_SCALE = "viridis"
"""Rises evenly in lightness, with and without red-green colour blindness (van der Walt and Smith, 2015)."""

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

LABEL_GRAPHEMES = 14
"""Longer labels are cut; the hover shows them whole."""

LABEL_ANGLE = 60
"""Degrees that labels slant. The steeper, the nearer columns may stand before labels touch."""

COLUMN_PIXELS = (20, 52)
"""Narrowest column, at which slanted labels are still readable, and widest one."""

PREFERRED_PIXELS = 560
"""Width that the columns share while they are wider than the narrowest."""

ROW_PIXELS = 24
TOP_PIXELS = 60
MARGIN_PIXELS = 56
GRAPHEME_PIXELS = 9
"""Roughly the width of one grapheme of a label; plotly widens the margin where that is too little."""


def layer_name(layer: int) -> str:
    """Return what a reader calls a layer, counted from 1; 0 is the output of the embeddings before them."""
    return f"layer {layer}" if layer else "embeddings"


def layer_heatmap(
    tokens: Sequence[Token], layer_weights: np.ndarray, *, first_layer: int = 1, direction: str = "ltr"
) -> go.Figure:
    """Draw how much of each layer each token used.

    The figure is as wide as its columns need; let the page scroll it, not squeeze it.

    Args:
        tokens: T tokens, or words from `group_words`.
        layer_weights: (T, L) weights, painted as they are; the scale runs from 0 to their maximum.
            Rows of NaN become empty columns.
        first_layer: Number of the first column's layer; 0 where it is the embedding output.
        direction: "rtl" puts the first token on the right, for Arabic, Urdu and Hebrew.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    _check(tokens, layer_weights)
    rtl = direction == "rtl"
    count, rows = layer_weights.shape
    layers = np.arange(first_layer, first_layer + rows)
    ticks = [str(layer) if layer else layer_name(layer) for layer in layers]
    labels = [_label(token.text) for token in tokens]
    column = min(max(PREFERRED_PIXELS // count, COLUMN_PIXELS[0]), COLUMN_PIXELS[1])
    longest = max(map(_graphemes_in, labels)) * GRAPHEME_PIXELS
    angle = math.radians(LABEL_ANGLE)
    axis = max(MARGIN_PIXELS, GRAPHEME_PIXELS * max(map(len, ticks)))
    left = max(MARGIN_PIXELS if rtl else axis, int(longest * math.cos(angle)) - column // 2)
    right = axis if rtl else 16
    bottom = 20 + int(longest * math.sin(angle))
    figure = go.Figure(
        go.Heatmap(
            z=layer_weights.T,
            x=np.arange(count),
            y=layers,
            zmin=0.0,
            zmax=float(np.nanmax(layer_weights)),
            hoverongaps=False,
            colorscale=COLOUR_SCALE,
            xgap=1,
            ygap=1,
            text=[[_shown(token.text) for token in tokens]] * rows,
            customdata=[[layer_name(layer)] * count for layer in layers],
            hovertemplate="%{text}<br>%{customdata}: <b>%{z:.6f}</b><extra></extra>",
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
                "title": {"text": "weight", "side": "top", "font": {"size": 13}},
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
        tickvals=np.arange(count),
        ticktext=labels,
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


def group_words(tokens: Sequence[Token], layer_weights: np.ndarray) -> tuple[list[Token], np.ndarray]:
    """Join the pieces of each word; a word's weights are the mean of its pieces' weights.

    Special tokens stand for no part of the text and are left out.

    Args:
        tokens: T tokens.
        layer_weights: (T, L) weights.

    Returns:
        W words as tokens, and their (W, L) weights of the same type.

    Example: ("good", word 0; "day", word 1; "s", word 1) with weights ((1, 0), (1, 0), (0, 1))
    -> "good" (1, 0) and "days" (0.5, 0.5).

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    _check(tokens, layer_weights)
    rows = [row for row, token in enumerate(tokens) if not token.special]
    return _merged(tokens, layer_weights, [tokens[row].word for row in rows], rows)


def group_graphemes(tokens: Sequence[Token], layer_weights: np.ndarray) -> tuple[list[Token], np.ndarray]:
    """Join pieces that cut through one sign of the script, with the mean of their weights.

    A vowel sign, a conjunct or a flag must not be torn apart where pieces are drawn as text. The
    mark of a space joins what follows it. Special tokens are left out.

    Args:
        tokens: T tokens.
        layer_weights: (T, L) weights.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    _check(tokens, layer_weights)
    rows = [row for row, token in enumerate(tokens) if not token.special]
    groups: list[int] = []
    for row, before in zip(rows, [None, *rows], strict=False):
        joins = (
            before is not None
            and tokens[before].word == tokens[row].word
            and (tokens[before].text == WORD_MARK or same_grapheme(tokens[before].text, tokens[row].text))
        )
        groups.append((groups[-1] if groups else -1) + (not joins))
    return _merged(tokens, layer_weights, groups, rows)


def most_used_layer(tokens: Sequence[Token], layer_weights: np.ndarray, *, first_layer: int = 1) -> int:
    """Return the layer, counted from `first_layer`, with the largest mean weight over the text's own tokens.

    Example: weights ((0.2, 0.8), (0.6, 0.4)) of two plain tokens -> 2, since 0.6 > 0.4.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    _check(tokens, layer_weights)
    own = [not token.special for token in tokens]
    return int((layer_weights[own] if any(own) else layer_weights).mean(axis=0).argmax()) + first_layer


def weight_colours(weight: float, highest: float) -> tuple[str, str]:
    """Return the heatmap's colour of a weight, and black or white, whichever reads better on it.

    Args:
        weight: The weight, from 0 to `highest`.
        highest: The weight at the bright end of the scale.

    Example: `weight_colours(0.5, 0.5)` -> ("rgb(253, 231, 37)", "#000000").
    """
    fraction = weight / highest if highest > 0 else 0.0
    colour = sample_colorscale(COLOUR_SCALE, [min(max(fraction, 0.0), 1.0)])[0]
    red, green, blue = (channel / 255 for channel in unlabel_rgb(colour))
    # Relative luminance (WCAG 2); above 0.179 black has the larger contrast, below it white.
    luminance = 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)
    shown = ", ".join(str(round(channel * 255)) for channel in (red, green, blue))
    return f"rgb({shown})", "#000000" if luminance > 0.179 else "#ffffff"


def same_grapheme(before: str, after: str) -> bool:
    """Whether a reader sees the end of `before` and the start of `after` as one sign.

    True before combining marks and joiners, after a joiner, after a virama (which makes a conjunct
    of the consonants around it) and between the two halves of a flag. This joins a little more than
    Unicode's grapheme clusters (UAX 29) do, since those cut Sinhala and Tamil conjuncts.

    Example: "ක්‍" and "රීඩා" -> True; "ක" and "රීඩා" -> False.
    """
    if not before or not after:
        return False
    last, first = before[-1], after[0]
    return (
        unicodedata.category(first).startswith("M")
        or first in "\u200c\u200d"
        or "\U0001f3fb" <= first <= "\U0001f3ff"
        or last == "\u200d"
        or (unicodedata.combining(last) == 9 and first.isalpha())
        or ("\U0001f1e6" <= last <= "\U0001f1ff" and "\U0001f1e6" <= first <= "\U0001f1ff")
    )


def _check(tokens: Sequence[Token], layer_weights: np.ndarray) -> None:
    if layer_weights.ndim != 2 or not len(tokens) == layer_weights.shape[0] > 0:
        raise ShapeError(
            f"The heatmap needs one row of layer weights per token, of shape (T, L); it got {len(tokens)} "
            f"tokens and weights of shape {tuple(layer_weights.shape)}."
        )


def _merged(
    tokens: Sequence[Token], layer_weights: np.ndarray, groups: list[int], rows: list[int]
) -> tuple[list[Token], np.ndarray]:
    joined, means = [], []
    for _, members in groupby(zip(groups, rows, strict=True), key=lambda pair: pair[0]):
        own = [row for _, row in members]
        pieces = [tokens[row] for row in own]
        text = "".join(piece.text for piece in pieces if piece.text != WORD_MARK)
        joined.append(
            Token(text or WORD_MARK, pieces[0].word, unknown=any(piece.unknown for piece in pieces))
        )
        means.append(layer_weights[own].mean(axis=0, dtype=layer_weights.dtype))
    empty = np.empty((0, layer_weights.shape[1]), layer_weights.dtype)
    return joined, np.stack(means) if means else empty


def _separate_words(figure: go.Figure, tokens: Sequence[Token], low: float, high: float) -> None:
    """Draw a line between words wherever some word has more than one column."""
    starts = [row for row in range(1, len(tokens)) if tokens[row].word != tokens[row - 1].word]
    if len(starts) == len(tokens) - 1:
        return
    path = " ".join(f"M{start - 0.5},{low} L{start - 0.5},{high}" for start in starts)
    if path:
        figure.add_shape(type="path", path=path, line={"color": "white", "width": 3})


def _label(text: str) -> str:
    """Return a tick label: cut to `LABEL_GRAPHEMES`, then made safe."""
    clusters: list[str] = []
    for character in text:
        if clusters and same_grapheme(clusters[-1], character):
            clusters[-1] += character
        else:
            clusters.append(character)
    cut = len(clusters) > LABEL_GRAPHEMES
    return _shown("".join(clusters[: LABEL_GRAPHEMES - 1]) + "…" if cut else text)


def _shown(text: str) -> str:
    """Make a text safe to stand in the figure, which reads a few HTML tags and entities.

    A combining mark at the start gets a dotted circle to sit on; right-to-left text is isolated,
    so that it does not reorder what stands beside it.
    """
    if unicodedata.category(text[:1] or " ").startswith("M"):
        text = "\u25cc" + text
    if any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        text = f"\u2068{text}\u2069"
    return html.escape(text, quote=False)


def _graphemes_in(label: str) -> int:
    return sum(not unicodedata.category(character).startswith(("M", "C")) for character in label)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
