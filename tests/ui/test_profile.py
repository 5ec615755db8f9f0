"""The layers of a part of the text, from the very tensor that the heatmap paints."""

import dataclasses
import re

import numpy as np
import pytest

from fusion_demo.heatmap import group_graphemes, group_words
from fusion_demo.tokens import Token
from fusion_demo.ui.profile import WHOLE, draw_profile
from fusion_demo.ui.reading import TOKENS, WORDS, draw_text
from fusion_demo.ui.translations import in_english
from tests.ui.test_reading import PAIR, RESULT


def numbers(page: str) -> list[float]:
    """Return the exact weights that the bars tell on hover."""
    return [float(number) for number in re.findall(r'<td title="([^"]+)">', page)]


def widths(page: str) -> list[float]:
    return [float(width) for width in re.findall(r'<div style="width:([\d.]+)%">', page)]


@pytest.mark.parametrize(("view", "group"), [(WORDS, group_words), (TOKENS, group_graphemes)])
def test_each_part_of_the_shaded_text_has_its_own_profile(view, group):
    page = draw_text(RESULT, view, 1)
    names = re.findall(r'data-part="(\d+)"[^>]*>([^<]+)<', page)
    tokens, weights = group(RESULT.tokens, RESULT.layer_weights)
    assert [name for _, name in names] == [token.text for token in tokens]
    for part, name in names:
        profile = draw_profile(RESULT, view, int(part))
        assert f"<bdi>{name}</bdi>" in profile
        assert numbers(profile) == weights[int(part)].tolist()


def test_the_parts_of_a_pairs_second_text_are_counted_on():
    page = draw_text(PAIR, WORDS, 1)
    assert re.findall(r'data-part="(\d+)"', page) == ["0", "1", "2", "3"]
    assert page.count('tabindex="0"') == 1
    assert "<bdi>good</bdi>" in draw_profile(PAIR, WORDS, 2)


@pytest.mark.parametrize("part", [WHOLE, 99])
def test_without_a_part_it_is_the_mean_of_the_texts_own_tokens(part):
    assert numbers(draw_profile(RESULT, WORDS, part)) == RESULT.layer_weights[1:4].mean(axis=0).tolist()
    assert "whole text" in in_english(draw_profile(RESULT, WORDS, part))


def test_the_bars_are_as_long_as_the_weights_and_a_line_stands_where_all_would_be_alike():
    result = dataclasses.replace(RESULT, layer_weights=np.array([[0.75, 0.25]] * 5, np.float32))
    page = draw_profile(result, WORDS, 0)
    assert widths(page) == [100.0, 33.33]
    assert "--uniform:66.67%" in page
    even = dataclasses.replace(RESULT, layer_weights=np.full((5, 2), 0.5, np.float32))
    assert "--uniform:100.00%" in draw_profile(even, WORDS, 0)


def test_a_part_is_escaped_and_said_to_be_unknown():
    tokens = [*RESULT.tokens[:1], Token("<b>", 0, unknown=True), *RESULT.tokens[2:]]
    page = draw_profile(dataclasses.replace(RESULT, tokens=tokens), WORDS, 0)
    assert "<bdi>&lt;b&gt;</bdi></q> (unknown to the encoder)" in page


def test_the_embedding_output_has_its_bar():
    assert 'scope="row">embeddings<' in draw_profile(dataclasses.replace(RESULT, layers=[0, 1]), WORDS)
