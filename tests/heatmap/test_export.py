"""Files of a heatmap give the same numbers back, are harmless in a spreadsheet, and need no network."""

import csv
import io
import json
import re

import numpy as np
import pytest

from fusion_demo.errors import ShapeError
from fusion_demo.heatmap import Columns, heatmap_csv, heatmap_html, heatmap_json, heatmap_table, layer_heatmap
from fusion_demo.heatmap.export import FORMULA_STARTS, plain_cell
from fusion_demo.tokens import Token

TOKENS = [Token("<s>", -1, special=True), Token("ශ්‍රී", 0), Token("=HYPERLINK(1)", 1, unknown=True)]


def weights() -> np.ndarray:
    raw = np.random.default_rng(0).random((3, 12), dtype=np.float32)
    return raw / raw.sum(axis=1, keepdims=True)


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_csv_gives_the_same_bits_back():
    rows = read_csv(heatmap_csv([Columns("text", TOKENS, weights())]))
    read = np.array([[float(row[f"layer {layer}"]) for layer in range(1, 13)] for row in rows], np.float32)
    assert read.tobytes() == weights().tobytes()
    assert [row["part"] for row in rows] == ["<s>", "ශ්‍රී", "'=HYPERLINK(1)"]
    assert [row["special"] for row in rows] == ["true", "false", "false"]
    assert [row["unknown"] for row in rows] == ["false", "false", "true"]
    assert [row["position"] for row in rows] == ["0", "1", "2"]


def test_json_gives_the_same_bits_back_and_the_texts_as_they_are():
    page = heatmap_json([Columns("text", TOKENS, weights())], {"language": "si"}, first_layer=0)
    found = json.loads(page)
    (text,) = found["texts"]
    read = np.array([column["layer_weights"] for column in text["columns"]], np.float32)
    assert read.tobytes() == weights().tobytes()
    assert [column["part"] for column in text["columns"]] == [token.text for token in TOKENS]
    assert (found["language"], found["uniform"], found["layers"]) == ("si", 1 / 12, list(range(12)))
    assert "ශ්‍රී" in page


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(start):
    cell = read_csv(heatmap_csv([Columns("text", [Token(f"{start}1", 0)], weights()[:1])]))[0]["part"]
    assert cell == f"'{start}1"


@pytest.mark.parametrize("text", ["good", "1-1", "a=b", "", "'quoted'"])
def test_what_is_harmless_stays_as_it_is(text):
    assert plain_cell(text) == text


@pytest.mark.parametrize("text", ['say "hi", please', "a\nb", "a;b"])
def test_quotes_commas_and_line_ends_are_read_back(text):
    (row,) = read_csv(heatmap_csv([Columns("text", [Token(text, 0)], weights()[:1])]))
    assert row["part"] == text


def test_both_texts_of_a_pair_are_in_one_file():
    pair = [Columns("premise", TOKENS, weights()), Columns("hypothesis", TOKENS[:1], weights()[:1])]
    assert [row["field"] for row in read_csv(heatmap_csv(pair))] == ["premise"] * 3 + ["hypothesis"]
    assert [text["field"] for text in json.loads(heatmap_json(pair, {}))["texts"]] == [
        "premise",
        "hypothesis",
    ]


def test_the_page_holds_all_that_it_needs_and_runs_nothing_of_a_text():
    evil = [Token("</script><script>alert(1)</script>", 0)]
    figure = layer_heatmap(evil, weights()[:1])
    table = heatmap_table([Columns("text", evil, weights()[:1])])
    page = heatmap_html(figure, table, title="<b>Layers</b>")
    assert "<title>&lt;b&gt;Layers&lt;/b&gt;</title>" in page
    assert "<script>alert(1)" not in page
    assert "plotly.js v" in page
    assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="?(http|//)', page)
    assert table in page


@pytest.mark.parametrize("write", [heatmap_csv, lambda columns: heatmap_json(columns, {})])
def test_weights_of_another_shape_are_refused(write):
    with pytest.raises(ShapeError, match="one row of layer weights per token"):
        write([Columns("text", TOKENS[:1], weights())])
