"""The layers of one part of a text, or of the whole of it, as bars with their numbers."""

import html

import numpy as np

from fusion_demo.heatmap import layer_name, text_profile
from fusion_demo.ui.reading import Reading, shaded_columns
from fusion_demo.ui.translations import ui_text

WHOLE = -1
"""Number of a part that stands for the whole text."""


def draw_profile(result: Reading, view: str, part: int = WHOLE) -> str:
    """Return HTML with a bar for each layer's weight.

    Args:
        result: What is shown.
        view: `WORDS` or `TOKENS`, as in `draw_text`.
        part: Number of the part of the shaded text; `WHOLE`: the mean over the text's own tokens, which is
            also shown where there is no such part.
    """
    chosen = [
        (token, weights)
        for columns in shaded_columns(result, view)
        for token, weights in zip(columns.tokens, columns.layer_weights, strict=True)
    ]
    if 0 <= part < len(chosen):
        token, weights = chosen[part]
        unknown = " (unknown to the encoder)" if token.unknown else ""
        title = f"{ui_text('layers_of_part')} <q><bdi>{html.escape(token.text)}</bdi></q>{unknown}"
    else:
        title = str(ui_text("layers_of_whole"))
        weights = text_profile(result.tokens, result.layer_weights)
    return profile_bars(title, result.layers, weights)


def profile_bars(title: str, layers: list[int], weights: np.ndarray) -> str:
    """Return HTML with a bar for each layer, a line where all would be alike, and the numbers.

    Args:
        title: HTML that stands above.
        layers: Numbers of the L layers.
        weights: (L,) weights.
    """
    highest = max(float(weights.max()), 1 / len(layers))
    rows = "".join(
        f'<tr><th scope="row">{layer_name(layer)}</th><td class="profile-bar"><div style="width:'
        f'{100 * weight / highest:.2f}%"></div></td><td title="{weight!r}">{weight:.6f}</td></tr>'
        for layer, weight in zip(layers, weights.tolist(), strict=True)
    )
    return (
        f'<table class="profile" style="--uniform:{100 / len(layers) / highest:.2f}%">'
        f'<caption aria-live="polite">{title}</caption>'
        f"<thead><tr><th>layer</th><th>weight α, dashed line: 1/{len(layers)}</th>"
        f"<th>weight</th></tr></thead><tbody>{rows}</tbody></table>"
    )
