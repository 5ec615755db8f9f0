"""The two scales: what they paint, and that text on their colours can be read."""

import re

import numpy as np
import pytest

from fusion_demo.heatmap import DIFFERENCE, WEIGHT, cell_colours, layer_heatmap
from fusion_demo.tokens import Token

WEIGHTS = np.array([[0.75, 0.25, 0.0], [0.5, 0.25, 0.25]], np.float32)
TOKENS = [Token("good", 0), Token("days", 1)]


def test_the_difference_is_the_weight_less_one_part_of_all_layers():
    values = DIFFERENCE.values(WEIGHTS)
    assert values.dtype == WEIGHTS.dtype
    assert np.allclose(values, WEIGHTS - 1 / 3)
    assert np.allclose(values.sum(axis=1), 0.0, atol=1e-6)
    assert WEIGHT.values(WEIGHTS) is WEIGHTS


def test_the_difference_is_drawn_around_zero_as_far_to_both_sides():
    trace = layer_heatmap(TOKENS, WEIGHTS, scale=DIFFERENCE).data[0]
    assert np.array_equal(trace.z, DIFFERENCE.values(WEIGHTS).T)
    assert trace.zmax == -trace.zmin == np.abs(trace.z).max()
    middle = trace.colorscale[len(trace.colorscale) // 2]
    assert middle == (0.5, "rgb(247,247,247)")
    assert "%{z:+.6f}" in trace.hovertemplate


def test_an_empty_column_stays_empty_on_either_scale():
    gap = np.full((1, 3), np.nan, np.float32)
    weights = np.concatenate([WEIGHTS, gap])
    trace = layer_heatmap([*TOKENS, Token("", -1)], weights, scale=DIFFERENCE).data[0]
    assert np.isnan(trace.z[:, 2]).all()
    assert trace.zmax == pytest.approx(0.75 - 1 / 3)


def test_the_colours_of_a_difference_are_purple_below_white_at_and_orange_above_uniform():
    below, at, above = (
        [int(part) for part in re.findall(r"\d+", cell_colours(value, 0.5, DIFFERENCE)[0])]
        for value in (-0.5, 0.0, 0.5)
    )
    assert below[2] > below[1]
    assert at == [247, 247, 247]
    assert above[0] > above[2]


@pytest.mark.parametrize("step", range(-50, 51))
def test_text_on_every_colour_of_a_difference_has_enough_contrast(step):
    background, text = cell_colours(step / 50, 1.0, DIFFERENCE)
    channels = [int(part) / 255 for part in re.findall(r"\d+", background)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = np.dot(linear, [0.2126, 0.7152, 0.0722])
    contrast = 1.05 / (luminance + 0.05) if text == "#ffffff" else (luminance + 0.05) / 0.05
    assert contrast >= 4.5  # WCAG 2, level AA


def test_layers_that_are_used_alike_have_no_difference_to_draw():
    even = np.full((2, 4), 0.25, np.float32)
    assert not DIFFERENCE.values(even).any()
    assert cell_colours(0.0, DIFFERENCE.reach(DIFFERENCE.values(even)), DIFFERENCE)[0] == "rgb(247, 247, 247)"
