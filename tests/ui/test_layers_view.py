"""What the tab Layers shows as text and tables."""

import re

import pytest

from fusion_demo.layer_session import TextLayers
from fusion_demo.layer_use import Profile
from fusion_demo.ui.layers_view import (
    distances_table,
    masking_html,
    profiles_tables,
    read_texts_table,
    titled,
)

URDU = TextLayers("یہ <b>خبر</b>", "ur", 3, False, [0, 1], Profile("یہ <b>خبر</b>", [0.75, 0.25], [0.5, 0.5]))
UNKNOWN = TextLayers("x", None, 1, True, [0, 1], Profile("x", [0.25, 0.75], [0.5, 0.5]))


def cells(page: str) -> list[list[str]]:
    """Return the texts of a table's cells, row by row, head included."""
    rows = re.findall("<tr>(.*?)</tr>", page)
    return [[re.sub("<[^>]+>", "", cell) for cell in re.findall("<t[hd].*?</t[hd]>", row)] for row in rows]


def test_each_text_is_named_by_its_language_size_and_most_used_layer():
    page = read_texts_table([URDU, UNKNOWN])
    assert cells(page)[1:] == [
        ["1 یہ &lt;b&gt;خبر&lt;/b&gt;", "Urdu · اردو", "3", "embeddings"],
        ["2 x", "not recognised", "1 (the beginning)", "1"],
    ]
    assert 'dir="rtl"' in page
    assert [profile.title for profile in titled([URDU, UNKNOWN])] == ["1 Urdu", "2 unknown language"]


def test_a_long_text_is_cut_between_signs():
    text = "ක්‍රී" * 30
    one = TextLayers(text, "si", 3, False, [1, 2], Profile(text, [0.5, 0.5], [0.5, 0.5]))
    shown = cells(read_texts_table([one]))[1][0].removeprefix("1 ").removesuffix("…")
    assert shown == "ක්‍රී" * 23


def test_the_tables_hold_the_numbers_of_the_figure_and_their_intervals():
    band = [[0.2, 0.7], [0.3, 0.8]]
    page = profiles_tables([0, 1], [Profile("Sinhala", [0.25, 0.75], [0.5, 0.5], band, band)])
    assert page.startswith("<details")
    weights = cells(page)[:2]
    assert weights == [
        ["", "emb.", "1"],
        ["Sinhala", "0.25000.2000 to 0.3000", "0.75000.7000 to 0.8000"],
    ]
    assert page.count("<table") == 2


def test_distances_stand_between_each_two_profiles():
    page = distances_table([Profile("a", [1, 0], [1, 0]), Profile("<b>", [0, 1], [0, 1])])
    assert cells(page) == [["", "a", "&lt;b&gt;"], ["a", "0.000", "1.000"], ["&lt;b&gt;", "1.000", "0.000"]]
    assert distances_table([Profile("a", [1, 0], [1, 0])]) == ""


@pytest.mark.parametrize("interval", [[-0.5, 0.25], None])
def test_the_masking_is_told_number_by_number(interval):
    row = {
        "k": 1,
        "layers": [0],
        "change": -2.5,
        "answer": "sports",
        "random_change": -0.125,
        "random_interval": interval,
        "random_same": 4,
    }
    page = masking_html({"answer": "world", "log_likelihood": -1.0, "draws": 5, "masked": [row]})
    spread = "−0.500 to +0.250" if interval else ""
    assert cells(page)[1] == ["1", "embeddings", "−2.500", "sports", f"−0.125{spread}", "4 of 5"]
    assert "<b>sports</b>" in page  # another answer than before
    assert "Answer: <b>world</b>, log-likelihood −1.000 nats" in page
