"""What the shared panel shows and saves of a text that was read."""

import dataclasses
import json
import re

import gradio as gr
import numpy as np
import pytest

from fusion_demo.heatmap import DIFFERENCE, cell_colours
from fusion_demo.tokens import Token
from fusion_demo.ui.download import file_to_save
from fusion_demo.ui.heatmap_panel import SCALE_CHOICES, HeatmapPanel, heatmap_file
from fusion_demo.ui.reading import MOST_USED, SCALES, TOKENS, WORDS, draw_heatmap, draw_table, draw_text
from tests.ui.test_reading import PAIR, RESULT


@pytest.fixture
def panel():
    with gr.Blocks():
        return HeatmapPanel("some-")


def by_id(shown: dict) -> dict:
    return {component.elem_id: value for component, value in shown.items()}


def test_text_profile_figure_and_table_come_from_one_result(panel):
    shown = panel.show(RESULT, WORDS, "difference", 2)
    assert shown[panel.state] is RESULT
    shown = by_id(shown)
    z = DIFFERENCE.values(RESULT.layer_weights)
    assert shown["some-heatmap"].data[0].zmax == pytest.approx(np.abs(shown["some-heatmap"].data[0].z).max())
    reach = shown["some-heatmap"].data[0].zmax
    assert f"background:{cell_colours(float(z[1, 1]), reach, DIFFERENCE)[0]}" in shown["some-shaded"]
    assert "layer 2: -0.250000" in shown["some-shaded"]
    assert "-0.250000</td>" in shown["some-table"]
    assert "<table" in shown["some-profile"]
    assert shown["some-layer"].value == 2


def test_a_layer_that_a_result_does_not_have_is_not_asked_for(panel):
    assert by_id(panel.show(RESULT, WORDS, "weight", 12))["some-layer"].value == MOST_USED


def test_everything_that_is_shown_is_an_output(panel):
    assert set(panel.show(RESULT, TOKENS, "weight", MOST_USED)) <= set(panel.outputs)


def test_every_scale_can_be_chosen():
    assert [name for _, name in SCALE_CHOICES] == list(SCALES)


@pytest.mark.parametrize("view", [WORDS, TOKENS])
def test_the_files_hold_the_numbers_of_the_heatmap(view):
    z = draw_heatmap(PAIR, view).data[0].z.T
    drawn = z[~np.isnan(z).any(axis=1)]
    found = json.loads(heatmap_file(PAIR, view, "difference", "json"))
    weights = [column["layer_weights"] for text in found["texts"] for column in text["columns"]]
    assert np.array(weights, np.float32).tobytes() == drawn.tobytes()
    assert found["checkpoint"] == "news-tiny"
    assert found["read"] == {"premise": "خبر نامہ", "hypothesis": "good days"}
    assert (found["language"], found["parts_are"]) == ("ur", view.lower())
    lines = heatmap_file(PAIR, view, "weight", "csv").splitlines()
    assert len(lines) == 1 + len(drawn)


def test_the_page_to_keep_shows_the_text_the_figure_and_the_open_table():
    result = dataclasses.replace(RESULT, checkpoint="<i>", text="<b>خبر</b>")
    page = heatmap_file(result, WORDS, "difference", "html")
    assert "<h1>Encoder layers by part of the text · &lt;i&gt;</h1>" in page
    assert "&lt;b&gt;خبر&lt;/b&gt;" in page
    assert '<details open class="numbers">' in page
    assert "Urdu · اردو" in page
    assert "α − 1/L" in page


def test_the_table_is_closed_and_can_be_reached_with_the_keyboard():
    page = draw_table(RESULT, WORDS)
    assert page.startswith('<details class="numbers"><summary>')
    assert 'role="region"' in page
    assert 'tabindex="0"' in page
    assert 'dir="rtl"' in page


def test_an_unknown_part_of_the_text_is_marked():
    tokens = [*RESULT.tokens[:1], Token("𓀀", 0, unknown=True), *RESULT.tokens[2:]]
    page = draw_text(dataclasses.replace(RESULT, tokens=tokens), WORDS, 1)
    assert len(re.findall('class="shade unknown"', page)) == 1
    assert page.count("unknown to the encoder") == 1


def test_the_same_file_twice_is_saved_twice():
    one, two = (file_to_save("layers.csv", "a,b") for _ in range(2))
    assert (one["name"], one["type"], one["text"]) == ("layers.csv", "text/csv", "a,b")
    assert one != two
