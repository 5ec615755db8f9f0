import copy
from pathlib import Path

import pytest

from fusion_demo.errors import DataError
from fusion_demo.results.comparisons import render_comparison

PATH = Path("docs/metrics/compare-x.json")


def test_every_pair_has_a_table_of_means_and_languages_with_verdicts(comparison):
    page = render_comparison(PATH, comparison)
    assert "A = **transformer**, B = **last**" in page
    assert "    compare runs/a runs/b\n" in page
    assert "Score: likelihood." in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert rows[2:] == [
        "| mean of all (2) | 75.0 | 70.8 | +4.2 (+1.0 to +7.3) | 300 | 0.0002 |  | A better |",
        "| English | 75.0 | 70.8 | +4.2 (+1.0 to +7.3) | 300 | 0.012 | 0.025 | not separable |",
        "| Sinhala | 75.0 | 70.8 | +4.2 (+1.0 to +7.3) | 300 | 0.012 | 0.025 | B better |",
    ]


def test_shared_texts_are_mentioned(comparison):
    assert "different texts" in render_comparison(PATH, comparison)
    assert "same text in all languages" in render_comparison(PATH, {**comparison, "rows": "parallel"})


@pytest.mark.parametrize("missing", ["score", "rows", "pairs", "command"])
def test_a_file_that_lacks_something_is_named(comparison, missing):
    del comparison[missing]
    with pytest.raises(DataError, match=r"compare-x\.json is no metrics file of `compare`"):
        render_comparison(PATH, comparison)


@pytest.mark.parametrize(
    ("field", "value"), [("verdict", "A wins"), ("accuracy_a", None), ("interval", [1.0]), ("p_value", "low")]
)
def test_a_damaged_difference_is_named(comparison, field, value):
    damaged = copy.deepcopy(comparison)
    damaged["pairs"][0]["languages"]["si"][field] = value
    with pytest.raises(DataError, match=r"compare-x\.json is no metrics file of `compare`"):
        render_comparison(PATH, damaged)
