"""The two colour scales of a heatmap: the weights, and their difference from uniform."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from plotly.colors import get_colorscale, sample_colorscale, unlabel_rgb

COLOUR_SCALE = "viridis"
"""Rises evenly in lightness, with and without red-green colour blindness (van der Walt and Smith, 2015)."""

DIVERGING_SCALE = "puor_r"
"""Purple to orange through near white, safe with red-green colour blindness (ColorBrewer's PuOr)."""


@dataclass(frozen=True)
class Scale:
    """What the colours of a heatmap stand for.

    Attributes:
        name: Its name in files and as a choice.
        title: What stands above the colour bar.
        colours: Name of plotly's colour scale.
        diverging: Whether 0 is in the middle of the colours, not at their beginning.
        number: How plotly writes a value on hover, as a d3 format.
    """

    name: str
    title: str
    colours: str
    diverging: bool
    number: str

    def values(self, layer_weights: np.ndarray) -> np.ndarray:
        """Return what is painted of (…, L) weights: the very weights, or α - 1/L.

        L counts the layers that are mixed, the embedding output among them where it is.
        """
        if not self.diverging:
            return layer_weights
        return layer_weights - layer_weights.dtype.type(uniform(layer_weights))

    def reach(self, values: np.ndarray) -> float:
        """Return the largest distance of a value from 0, to which the colours run; NaN is passed over."""
        return float(np.nanmax(np.abs(values)))


WEIGHT = Scale("weight", "weight α", COLOUR_SCALE, diverging=False, number=".6f")
DIFFERENCE = Scale("difference", "α − 1/L", DIVERGING_SCALE, diverging=True, number="+.6f")


def uniform(layer_weights: np.ndarray) -> float:
    """Return 1/L, the weight of each of L layers that are used alike: (…, L) -> a number."""
    return 1.0 / layer_weights.shape[-1]


def cell_colours(value: float, reach: float, scale: Scale = WEIGHT) -> tuple[str, str]:
    """Return the heatmap's colour of a value, and black or white, whichever reads better on it.

    Args:
        value: From 0 to `reach`, or from -`reach` where the scale diverges.
        reach: The value at the end of the colours.
        scale: Which colours.

    Example: `cell_colours(0.5, 0.5)` -> ("rgb(253, 231, 37)", "#000000").
    """
    fraction = value / reach if reach > 0 else 0.0
    if scale.diverging:
        fraction = (1 + fraction) / 2
    colour = sample_colorscale(_colours(scale.colours), [min(max(fraction, 0.0), 1.0)])[0]
    red, green, blue = (channel / 255 for channel in unlabel_rgb(colour))
    # Relative luminance (WCAG 2); above 0.179 black has the larger contrast, below it white.
    luminance = 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)
    rounded = ", ".join(str(round(channel * 255)) for channel in (red, green, blue))
    return f"rgb({rounded})", "#000000" if luminance > 0.179 else "#ffffff"


@cache
def _colours(name: str) -> list[list[float | str]]:
    """The places and colours of a scale, read once: a long text asks for one colour per token."""
    return get_colorscale(name)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
