"""The table says what the heatmap shows, number by number, and takes no text for HTML."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from fusion_demo.errors import ShapeError
from fusion_demo.heatmap import DIFFERENCE, Columns, heatmap_table, layer_heatmap
from fusion_demo.tokens import Token

WEIGHTS = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
TOKENS = [Token("good", 0), Token("days", 1)]


class Cells(HTMLParser):
    """Collects the texts of header and data cells, row by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        else:
            assert tag in ("table", "caption", "thead", "tbody", "bdi", "small")

    def handle_data(self, data):
        if self.rows:
            self.rows[-1][-1] += data


def test_every_column_of_the_heatmap_is_a_row_with_the_very_numbers():
    rows = Cells(heatmap_table([Columns("text", TOKENS, WEIGHTS)])).rows
    assert rows == [
        ["part", "1", "2"],
        ["good", "0.750000", "0.250000"],
        ["days", "0.500000", "0.500000"],
    ]


def test_the_numbers_are_those_of_the_scale_that_is_drawn():
    rows = Cells(heatmap_table([Columns("text", TOKENS, WEIGHTS)], scale=DIFFERENCE, first_layer=0)).rows
    drawn = layer_heatmap(TOKENS, WEIGHTS, scale=DIFFERENCE).data[0].z.T
    assert rows[0] == ["part", "embeddings", "1"]
    assert [[float(cell) for cell in row[1:]] for row in rows[1:]] == drawn.tolist()
    assert rows[1][2] == "-0.250000"


def test_both_texts_of_a_pair_stand_under_their_names():
    page = heatmap_table([Columns("premise", TOKENS, WEIGHTS), Columns("hypothesis", TOKENS, WEIGHTS[::-1])])
    assert [row[0] for row in Cells(page).rows] == [
        "part",
        "Premise",
        "good",
        "days",
        "Hypothesis",
        "good",
        "days",
    ]
    assert page.count('scope="row"') == 4


def test_an_unknown_part_is_said_to_be_unknown():
    page = heatmap_table([Columns("text", [Token("?", 0, unknown=True), TOKENS[1]], WEIGHTS)])
    assert re.findall("<bdi>([^<]*)</bdi> <small>unknown to the encoder", page) == ["?"]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "</td><td>", "&lt;", '"><img src=x>'])
def test_html_in_a_text_is_escaped(text):
    assert Cells(heatmap_table([Columns("text", [Token(text, 0)], WEIGHTS[:1])])).rows[1][0] == text


def test_it_runs_as_the_text_does():
    assert 'dir="rtl"' in heatmap_table([Columns("text", TOKENS, WEIGHTS)], direction="rtl")


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match="one row of layer weights per token"):
        heatmap_table([Columns("text", TOKENS[:1], WEIGHTS)])
