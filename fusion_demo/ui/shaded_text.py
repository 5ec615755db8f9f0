"""The text itself, each word or token shaded by one layer's weight in the heatmap's colours."""

import html
from collections.abc import Sequence

import numpy as np

from fusion_demo.heatmap import layer_name, weight_colours
from fusion_demo.tokens import Token


def shaded_text(
    tokens: Sequence[Token], weights: np.ndarray, layer: int, highest: float, direction: str = "ltr"
) -> str:
    """Return HTML in which every token has the colour of its weight and tells the number on hover.

    Args:
        tokens: T tokens or words; those of one word stand together.
        weights: (T,), how much each token used the layer.
        layer: Number of that layer, from 1; 0: the embedding output.
        highest: The weight at the bright end of the colours.
        direction: "ltr" or "rtl".
    """
    parts = []
    for index, (token, weight) in enumerate(zip(tokens, weights.tolist(), strict=True)):
        if index and token.word != tokens[index - 1].word:
            parts.append(" ")
        background, colour = weight_colours(weight, highest)
        parts.append(
            f'<span class="shade" style="background:{background};color:{colour}" '
            f'title="{layer_name(layer)}: {weight:.6f}">{html.escape(token.text)}</span>'
        )
    return f'<div class="shaded-text" dir="{direction}">{"".join(parts)}</div>'
