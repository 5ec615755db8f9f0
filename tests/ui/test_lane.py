"""What the tab Compare says of a lane."""

import re

import gradio as gr
import numpy as np
import pytest

from fusion_demo.classification import Classification
from fusion_demo.errors import ConfigError
from fusion_demo.lanes import LLM_ALONE, TRANSLATION, Lane, LaneAnswer
from fusion_demo.memory import PeakMemory
from fusion_demo.session import Session
from fusion_demo.tokens import Token
from fusion_demo.ui.lane import (
    build_lane,
    has_layers,
    lane_html,
    lane_of,
    megabytes,
    start_lanes,
    system_choices,
)
from fusion_demo.ui.reading import WORDS
from fusion_demo.ui.translations import in_english

SCORES = {"world": 0.75, "sports": 0.25}
RESULT = Classification(
    checkpoint="news-tiny",
    text="خبر",
    fields=("text",),
    label="world",
    scores=SCORES,
    language="ur",
    tokens=[Token("<s>", -1, special=True), Token("خبر", 0), Token("</s>", -1, special=True)],
    parts=[0, 0, 0],
    layers=[1, 2],
    layer_weights=np.full((3, 2), 0.5, np.float32),
    truncated=True,
    prompt_truncated=False,
    removed=0,
    milliseconds=1234.0,
)
BRIDGE = LaneAnswer(
    lane=Lane("news"),
    label="world",
    scores=SCORES,
    classification=RESULT,
    english=None,
    llm_tokens=0,
    truncated=True,
    milliseconds={"answer": 1234.0},
    weights={"encoder": 470_000_000, "bridge": 5_700_000, "LLM": 538_000_000},
    memory=PeakMemory(2_000_000_000, 2_010_000_000),
)
TRANSLATED = LaneAnswer(
    lane=Lane(TRANSLATION),
    label="world",
    scores=SCORES,
    classification=None,
    english=("<b>News</b>", ""),
    llm_tokens=1234,
    truncated=True,
    milliseconds={"translation": 2000.0, "answer": 50.0},
    weights={"translator": 2_500_000_000, "LLM": 538_000_000},
    memory=PeakMemory(),
)


def words(page):
    return " ".join(re.sub("<[^>]+>", " ", page).split())


def test_a_bridge_says_what_it_read_and_what_it_took():
    page = lane_html(BRIDGE)
    assert 'class="has-layers" data-heatmap="rtl"' in page
    assert words(page).startswith(
        "Language Urdu · اردو Tokens 1 Time 1,234 ms Frozen weights encoder 470 MB, LLM 538 MB "
        "Trained weights bridge 5.7 MB Peak memory 2,010 MB (+10 MB)"
    )
    assert "only its first 1 tokens were read" in page


def test_a_pipeline_shows_its_english_escaped_and_both_its_times():
    page = lane_html(TRANSLATED)
    assert "<p>&lt;b&gt;News&lt;/b&gt;</p><p>(nothing)</p>" in page
    assert words(page).endswith(
        "LLM tokens 1,234 Time, translation 2,000 ms Time, answer 50 ms Frozen weights translator 2,500 MB, "
        "LLM 538 MB Peak memory not measurable here The text is long: only the beginning was read."
    )
    assert "has-layers" not in page


def test_sizes_are_short():
    assert [megabytes(size) for size in (0, 1_234_567, 1_234_567_890)] == ["0.0 MB", "1.2 MB", "1,235 MB"]


def test_lanes_begin_with_the_best_checkpoint_and_its_last_layer(tiny_checkpoints):
    found = Session(tiny_checkpoints).checkpoints("news")
    assert start_lanes(found)[:2] == [Lane("news-second"), Lane("news-second", last_layer_only=True)]
    assert [value for _, value in system_choices(found)] == [
        *("news-second", "news-first", "news-third"),
        *(LLM_ALONE, TRANSLATION),
    ]


@pytest.mark.parametrize(("system", "bridge"), [("news", True), (LLM_ALONE, False), (TRANSLATION, False)])
def test_only_a_bridge_has_the_switch(system, bridge):
    assert has_layers(system) == bridge
    assert lane_of(system, True) == Lane(system, last_layer_only=bridge)
    with gr.Blocks():
        lane = build_lane(1, Lane(system), [(system, system)], visible=True)
    (switch,) = lane.choose(Lane(system, last_layer_only=True)).values()
    assert (switch.value, switch.interactive) == (bridge, bridge)


def test_a_lane_shows_an_answer_or_a_problem_and_never_both():
    with gr.Blocks():
        lane = build_lane(1, Lane("news"), [("news", "news")], visible=True)
    shown = lane.draw(BRIDGE, WORDS)
    assert shown[lane.answer] == SCORES
    assert shown[lane.heatmap].data[0].z.tolist() == [[0.5], [0.5]]
    shown = lane.draw(ConfigError("<no>"), WORDS)
    assert shown == {
        lane.answer: None,
        lane.details: '<div class="problem" role="alert">&lt;no&gt;</div>',
    }


def test_an_empty_lane_says_how_it_is_filled():
    with gr.Blocks():
        lane = build_lane(1, Lane("news"), [("news", "news")], visible=True)
    hint = lane.details.value
    assert in_english(hint) == '<div class="note">Press Compare to fill this lane.</div>'
    assert lane.blank() == {lane.answer: None, lane.details: hint}
    assert lane.blank("<p>why</p>")[lane.details] == "<p>why</p>"
