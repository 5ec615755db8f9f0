from pathlib import Path

import pytest

from fusion_demo.errors import DataError
from fusion_demo.results.layers import layer_blocks
from fusion_demo.results.markdown import render_blocks

PATH = Path("docs/metrics/layers-x.json")


def tables(page):
    return [line for line in page.splitlines() if line.startswith("|") and "---" not in line]


def test_weights_and_contributions_have_a_row_per_language(layer_report):
    page = render_blocks(layer_blocks(PATH, layer_report))
    assert page.startswith("### news-first: layers, dev split\n")
    assert "    layers --checkpoint checkpoints/news-first\n" in page
    assert tables(page)[:6] == [
        "| language | embeddings | 1 | 2 | n |",
        "| English | 10.0 | 20.0 | 70.0 | 200 |",
        "| Sinhala | 20.0 | 30.0 | 50.0 | 200 |",
        "| language | embeddings | 1 | 2 | n |",
        "| English | 70.0 | 20.0 | 10.0 | 200 |",
        "| Sinhala | 50.0 | 30.0 | 20.0 | 200 |",
    ]


def test_masking_has_a_row_per_number_of_layers(layer_report):
    page = render_blocks(layer_blocks(PATH, layer_report))
    assert "3 draws a text" in page
    assert tables(page)[6:] == [
        "| k | most used | random | most used − random | n |",
        "| 1 | −1.00 (−1.50 to −0.50) | −0.25 (−0.75 to +0.25) | −0.75 (−1.25 to −0.25) | 100 |",
        "| 2 | −2.00 (−2.50 to −1.50) | −0.50 (−1.00 to +0.00) | −1.50 (−2.00 to −1.00) | 100 |",
    ]


def test_a_change_that_rounds_to_zero_has_no_minus(layer_report):
    layer_report["faithfulness"]["mean"]["gap"]["change"] = [-0.001, 0.001]
    page = render_blocks(layer_blocks(PATH, layer_report))
    assert "| +0.00 (−1.25" in page
    assert "−0.00" not in page


def test_without_masking_the_page_is_silent_on_it(layer_report):
    layer_report["faithfulness"] = None
    assert "faithfulness" not in render_blocks(layer_blocks(PATH, layer_report))


@pytest.mark.parametrize("missing", ["layers", "languages", "faithfulness", "command", "checkpoint"])
def test_a_file_that_lacks_something_is_named(layer_report, missing):
    del layer_report[missing]
    with pytest.raises(DataError, match=r"layers-x\.json is no metrics file of `layers`"):
        layer_blocks(PATH, layer_report)


def test_too_few_changes_are_noticed(layer_report):
    layer_report["faithfulness"]["masked"] = 3
    with pytest.raises(DataError, match=r"layers-x\.json is no metrics file of `layers`"):
        layer_blocks(PATH, layer_report)
