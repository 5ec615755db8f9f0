"""What the heatmap calls its layers and columns."""

import html
import unicodedata

from fusion_demo.heatmap.graphemes import shortened
from fusion_demo.tokens import Token

LABEL_GRAPHEMES = 14
"""Longer labels are cut; the hover shows them whole."""

UNKNOWN_MARK = "<unk>"
"""Follows a piece that the encoder has no embedding of its own for, as SentencePiece writes it."""


def layer_name(layer: int) -> str:
    """Return what a reader calls a layer, counted from 1; 0 is the output of the embeddings before them."""
    return f"layer {layer}" if layer else "embeddings"


def short_layer_name(layer: int) -> str:
    """Return the name of a layer where "layer" stands beside it already. Example: 3 -> "3"."""
    return str(layer) if layer else layer_name(layer)


def column_label(token: Token) -> str:
    """Return a tick label: cut to `LABEL_GRAPHEMES`, marked if unknown, then made safe for plotly."""
    mark = f" {html.escape(UNKNOWN_MARK)}" if token.unknown else ""
    return shown(shortened(token.text, LABEL_GRAPHEMES)) + mark


def hover_label(token: Token) -> str:
    """Return a token whole, made safe for plotly, and whether the encoder knows it."""
    return shown(token.text) + ("<br>unknown to the encoder" if token.unknown else "")


def shown(text: str) -> str:
    """Make a text safe to stand in the figure, which reads a few HTML tags and entities.

    A combining mark at the start gets a dotted circle to sit on; right-to-left text is isolated,
    so that it does not reorder what stands beside it.
    """
    if unicodedata.category(text[:1] or " ").startswith("M"):
        text = "\u25cc" + text
    if any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        text = f"\u2068{text}\u2069"
    return html.escape(text, quote=False)
