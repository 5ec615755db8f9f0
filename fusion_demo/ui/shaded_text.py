"""The text itself, each word or token shaded by one layer's value in the heatmap's colours."""

import html
from collections.abc import Sequence

import numpy as np

from fusion_demo.heatmap import WEIGHT, Scale, cell_colours, layer_name
from fusion_demo.tokens import Token

SELECT_ON_FOCUS = """
let waiting = null;
const parts = () => [...element.querySelectorAll('.shade')];
const mark = (part) => {
    for (const other of parts()) {
        other.setAttribute('aria-pressed', other === part);
        other.tabIndex = other === part ? 0 : -1;
    }
};
element.addEventListener('focusin', (event) => {
    const part = event.target.closest('.shade');
    if (!part || part.getAttribute('aria-pressed') === 'true') return;
    mark(part);
    // Whoever runs along the text with an arrow key asks for the part where they stop.
    clearTimeout(waiting);
    waiting = setTimeout(() => trigger('select', {index: +part.dataset.part, value: part.innerText}), 120);
});
element.addEventListener('click', (event) => event.target.closest('.shade')?.focus());
element.addEventListener('keydown', (event) => {
    const part = event.target.closest('.shade');
    if (!part) return;
    const backwards = part.closest('[dir]').dir === 'rtl' ? 'ArrowRight' : 'ArrowLeft';
    const forwards = backwards === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft';
    const steps = {[forwards]: 1, [backwards]: -1, Home: -Infinity, End: Infinity};
    if (!(event.key in steps)) return;
    event.preventDefault();
    const all = parts(), place = all.indexOf(part) + steps[event.key];
    all[Math.min(Math.max(place, 0), all.length - 1)].focus();
});
"""
"""JavaScript of the component that shows the text: one stop for the Tab key, arrow keys from part to part.

The part that has the focus is the chosen one; the component's event `select` tells its number.
"""


def shaded_text(
    tokens: Sequence[Token],
    values: np.ndarray,
    layer: int,
    reach: float,
    direction: str = "ltr",
    *,
    scale: Scale = WEIGHT,
    first: int = 0,
) -> str:
    """Return HTML in which every token has the colour of its value and tells the number on hover.

    Args:
        tokens: T tokens or words; those of one word stand together.
        values: (T,), how much each token used the layer, on the scale.
        layer: Number of that layer, from 1; 0: the embedding output.
        reach: The value at the end of the colours.
        direction: "ltr" or "rtl".
        scale: What the values are.
        first: Number of the first token, where these are not the first that can be chosen.
    """
    parts = []
    for index, (token, value) in enumerate(zip(tokens, values.tolist(), strict=True)):
        if index and token.word != tokens[index - 1].word:
            parts.append(" ")
        background, colour = cell_colours(value, reach, scale)
        number = first + index
        title = f"{layer_name(layer)}: {value:{scale.number}}"
        if token.unknown:
            title += ", unknown to the encoder"
        parts.append(
            f'<span class="shade{" unknown" * token.unknown}" role="button" aria-pressed="false" '
            f'data-part="{number}" tabindex="{0 if number == 0 else -1}" '
            f'style="background:{background};color:{colour}" title="{title}">{html.escape(token.text)}</span>'
        )
    return f'<div class="shaded-text" dir="{direction}">{"".join(parts)}</div>'
