"""The shaded text shows each token once, escaped, in the heatmap's colour of its weight."""

import html
import re

import numpy as np
import pytest

from fusion_demo.heatmap import cell_colours
from fusion_demo.tokens import Token
from fusion_demo.ui.shaded_text import shaded_text

WEIGHTS = np.array([0.25, 0.5], np.float32)


def spans(page: str) -> list[tuple[str, str, str]]:
    """Return (background, title, text) of each shaded span."""
    found = re.findall(r'background:([^;]+);[^>]*title="([^"]*)">([^<]*)</span>', page)
    return [(background, title, html.unescape(text)) for background, title, text in found]


@pytest.mark.parametrize("highest", [0.5, 0.75])
def test_each_token_has_the_colour_and_the_number_of_its_weight(highest):
    page = shaded_text([Token("good", 0), Token("days", 1)], WEIGHTS, 7, highest)
    assert spans(page) == [
        (cell_colours(0.25, highest)[0], "layer 7: 0.250000", "good"),
        (cell_colours(0.5, highest)[0], "layer 7: 0.500000", "days"),
    ]


def test_pieces_of_one_word_stand_together():
    page = shaded_text([Token("day", 0), Token("s", 0)], WEIGHTS, 1, 0.5)
    assert re.sub("<[^>]+>", "", page) == "days"
    page = shaded_text([Token("good", 0), Token("days", 1)], WEIGHTS, 1, 0.5)
    assert re.sub("<[^>]+>", "", page) == "good days"


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '" onmouseover="alert(1)', "a&b", "&lt;", "{{7*7}}", "</span>"]
)
def test_html_in_a_text_is_escaped(text):
    page = shaded_text([Token(text, 0), Token("x", 1)], WEIGHTS, 1, 0.5)
    assert spans(page)[0][2] == text
    assert page.count("<") == 6  # one div and two spans


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_it_is_written_in_the_direction_of_its_text(direction):
    page = shaded_text([Token("x", 0), Token("y", 1)], WEIGHTS, 1, 0.5, direction)
    assert page.startswith(f'<div class="shaded-text" dir="{direction}">')


def test_weights_of_nothing_can_be_shown():
    assert "layer 1: 0.000000" in shaded_text([Token("x", 0)], np.zeros(1), 1, 0.0)
