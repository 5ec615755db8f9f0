"""What the tabs show of a text that was read."""

import dataclasses
import re

import numpy as np
import pytest

from fusion_demo.classification import Classification
from fusion_demo.heatmap import cell_colours, group_words
from fusion_demo.tokens import Token
from fusion_demo.ui.reading import (
    MOST_USED,
    TOKENS,
    WORDS,
    draw_heatmap,
    draw_text,
    facts_html,
    language_fact,
    language_name,
    layer_choices,
    problem_html,
    reading_notes,
)
from fusion_demo.ui.translations import in_english

RESULT = Classification(
    checkpoint="news-tiny",
    text="خبر نامہ",
    fields=("text",),
    label="world",
    scores={"world": 0.75, "sports": 0.25},
    language="ur",
    tokens=[
        Token("<s>", -1, special=True),
        Token("خبر", 0),
        Token("نا", 1),
        Token("مہ", 1),
        Token("</s>", -1, special=True),
    ],
    parts=[0, 0, 0, 0, 0],
    layers=[1, 2],
    layer_weights=np.array([[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]], np.float32),
    truncated=False,
    prompt_truncated=False,
    removed=0,
    milliseconds=12.3,
)


PAIR = dataclasses.replace(
    RESULT,
    text=("خبر نامہ", "good days"),
    fields=("premise", "hypothesis"),
    tokens=[
        *RESULT.tokens,
        Token("<s>", -1, special=True),
        Token("good", 2),
        Token("day", 3),
        Token("s", 3),
        Token("</s>", -1, special=True),
    ],
    parts=[0] * 5 + [1] * 5,
    layer_weights=np.concatenate([RESULT.layer_weights, RESULT.layer_weights[::-1] * np.float32(0.5)]),
)


@pytest.mark.parametrize(("view", "gap"), [(WORDS, 2), (TOKENS, 5)])
def test_the_heatmap_of_a_pair_has_an_empty_column_between_its_texts(view, gap):
    trace = draw_heatmap(PAIR, view).data[0]
    empty = np.isnan(trace.z).all(axis=0)
    assert np.flatnonzero(empty).tolist() == [gap]
    assert not np.isnan(trace.z[:, ~empty]).any()
    assert trace.zmax == np.nanmax(trace.z)
    single = draw_heatmap(RESULT, view).data[0].z
    assert np.array_equal(trace.z[:, :gap], single)
    alone = dataclasses.replace(
        RESULT,
        tokens=PAIR.tokens[5:],
        layer_weights=PAIR.layer_weights[5:],
    )
    assert np.array_equal(trace.z[:, gap + 1 :], draw_heatmap(alone, view).data[0].z)


@pytest.mark.parametrize("view", [WORDS, TOKENS])
def test_both_texts_of_a_pair_are_shaded_under_their_names_and_in_their_direction(view):
    page = draw_text(PAIR, view, 1)
    names, directions = re.findall(r'shaded-name">(\w+)<', page), re.findall('shaded-text" dir="(...)"', page)
    assert names == ["Premise", "Hypothesis"]
    assert directions == ["rtl", "ltr"]
    assert re.sub("<[^>]+>", "|", page).count("good") == 1
    trace = draw_heatmap(PAIR, view).data[0]
    shown = re.findall("background:([^;]+);", page)
    own = [weight for weight in trace.z[0] if not np.isnan(weight)]
    if view == TOKENS:
        own = [*own[1:4], *own[6:9]]
    assert shown == [cell_colours(float(weight), trace.zmax)[0] for weight in own]
    assert "shaded-name" not in draw_text(RESULT, view, 1)


def test_the_heatmap_shows_words_or_every_token_in_reading_direction():
    words, weights = group_words(RESULT.tokens, RESULT.layer_weights)
    figure = draw_heatmap(RESULT, WORDS)
    assert np.array_equal(figure.data[0].z, weights.T)
    assert list(figure.data[0].text[0]) == [f"\u2068{word.text}\u2069" for word in words]
    assert np.array_equal(draw_heatmap(RESULT, TOKENS).data[0].z, RESULT.layer_weights.T)
    assert figure.layout.xaxis.range == (1.5, -0.5)


@pytest.mark.parametrize("view", [WORDS, TOKENS])
@pytest.mark.parametrize("layer", [1, 2])
def test_the_text_has_the_colours_of_its_heatmap(view, layer):
    trace = draw_heatmap(RESULT, view).data[0]
    own = trace.z[layer - 1] if view == WORDS else trace.z[layer - 1][1:-1]
    shown = re.findall("background:([^;]+);", draw_text(RESULT, view, layer))
    assert shown == [cell_colours(float(weight), trace.zmax)[0] for weight in own]


@pytest.mark.parametrize("view", [WORDS, TOKENS])
def test_the_embedding_output_is_shown_by_its_name(view):
    result = dataclasses.replace(RESULT, layers=[0, 1])
    trace = draw_heatmap(result, view).data[0]
    assert [row[0] for row in trace.customdata] == ["embeddings", "layer 1"]
    own = trace.z[0] if view == WORDS else trace.z[0][1:-1]
    page = draw_text(result, view, 0)
    assert re.findall("background:([^;]+);", page) == [
        cell_colours(float(weight), trace.zmax)[0] for weight in own
    ]
    assert page.count('title="embeddings: ') == len(own)
    assert draw_text(result, view, MOST_USED) == page


def test_the_most_used_layer_is_that_of_the_text_without_special_tokens():
    heavier = dataclasses.replace(RESULT, layer_weights=np.array([[0, 1], [1, 0], [1, 0], [0, 1], [0, 1]]))
    assert draw_text(heavier, WORDS, MOST_USED) == draw_text(heavier, WORDS, 1)


def choices(result):
    return [(in_english(name), layer) for name, layer in layer_choices(result)]


def test_every_layer_can_be_chosen_and_the_embedding_output_by_its_name():
    assert choices(RESULT) == [("most used (1)", MOST_USED), ("1", 1), ("2", 2)]
    assert choices(dataclasses.replace(RESULT, layers=[0, 1])) == [
        ("most used (embeddings)", MOST_USED),
        ("embeddings", 0),
        ("1", 1),
    ]


def test_a_cut_pair_is_said_to_be_cut():
    assert "only the beginning was read" in reading_notes(dataclasses.replace(PAIR, truncated=True))[0]


def test_facts_are_escaped_and_keep_their_direction_to_themselves():
    page = facts_html([("Language", "<b>اردو")], ["A note."])
    assert "<bdi>&lt;b&gt;اردو</bdi>" in page
    assert '<div class="note">A note.</div>' in page
    assert language_fact(dataclasses.replace(RESULT, language=None)) == "not recognised"
    assert language_fact(RESULT) == language_name("ur") == "Urdu · اردو"
    assert language_name("en") == "English"
    assert "&lt;img" in problem_html("<img>")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"truncated": True}, "only its first 3 tokens were read"),
        ({"prompt_truncated": True}, "the LLM itself read only its beginning"),
        ({"removed": 2}, "2 control characters were left out"),
        ({"removed": 1}, "1 control character was left out"),
        (
            {"tokens": [*RESULT.tokens[:3], Token("?", 1, unknown=True), RESULT.tokens[4]]},
            "1 of 3 tokens is unknown",
        ),
    ],
)
def test_what_a_reader_should_know_is_said(change, note):
    assert note in " ".join(reading_notes(dataclasses.replace(RESULT, **change)))
    assert reading_notes(RESULT) == []
