import copy
from pathlib import Path

import pytest

from fusion_demo.errors import DataError
from fusion_demo.results.blocks import Table
from fusion_demo.results.comparisons import comparison_blocks
from fusion_demo.results.markdown import render_blocks

PATH = Path("docs/metrics/compare-x.json")


def test_every_pair_has_a_table_of_means_and_languages_with_verdicts(comparison):
    page = render_blocks(comparison_blocks(PATH, comparison))
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
    assert "different texts" in render_blocks(comparison_blocks(PATH, comparison))
    assert "same text in all languages" in render_blocks(
        comparison_blocks(PATH, {**comparison, "rows": "parallel"})
    )


@pytest.mark.parametrize("missing", ["score", "rows", "pairs", "command"])
def test_a_file_that_lacks_something_is_named(comparison, missing):
    del comparison[missing]
    with pytest.raises(DataError, match=r"compare-x\.json is no metrics file of `compare`"):
        comparison_blocks(PATH, comparison)


@pytest.mark.parametrize(
    ("field", "value"), [("verdict", "A wins"), ("accuracy_a", None), ("interval", [1.0]), ("p_value", "low")]
)
def test_a_damaged_difference_is_named(comparison, field, value):
    damaged = copy.deepcopy(comparison)
    damaged["pairs"][0]["languages"]["si"][field] = value
    with pytest.raises(DataError, match=r"compare-x\.json is no metrics file of `compare`"):
        comparison_blocks(PATH, damaged)


def three_systems(comparison):
    """Three systems: best and worst differ, the middle one is separable from neither."""
    wanted = {
        ("middle", "best"): (0.7, 0.8, "not separable"),
        ("best", "worst"): (0.8, 0.5, "A better"),
        ("worst", "middle"): (0.5, 0.7, "not separable"),
    }
    (pair,) = comparison["pairs"]
    pairs = []
    for (a, b), (left, right, found) in wanted.items():
        mean = {**pair["means"]["all"], "accuracy_a": left, "accuracy_b": right, "verdict": found}
        pairs.append({**pair, "a": a, "b": b, "means": {"all": mean}})
    return {**comparison, "pairs": pairs}


def test_three_systems_have_a_table_of_those_that_cannot_be_told_apart(comparison):
    blocks = comparison_blocks(PATH, three_systems(comparison))
    ties = blocks[2]
    assert ties.name == "Systems that cannot be told apart"
    assert ties.body == [["best", "80.0 a"], ["middle", "70.0 ab"], ["worst", "50.0 b"]]
    assert ties.body[1][1].value == 0.7
    assert "Systems that share a letter" in render_blocks(blocks)
    assert [block.name for block in blocks[3:]] == [
        "middle against best",
        "best against worst",
        "worst against middle",
    ]


def test_a_comparison_without_one_of_its_pairs_is_named(comparison):
    comparison = three_systems(comparison)
    comparison["pairs"].pop()
    with pytest.raises(DataError, match=r"compare-x\.json is no metrics file of `compare`"):
        comparison_blocks(PATH, comparison)


def test_three_systems_in_one_language_have_no_means_to_group(comparison):
    three = three_systems(comparison)
    for pair in three["pairs"]:
        pair["means"] = {}
        pair["languages"] = {"si": pair["languages"]["si"]}
    tables = [block for block in comparison_blocks(PATH, three) if isinstance(block, Table)]
    assert [table.name.partition(" against ")[1] for table in tables] == [" against "] * 3
    assert all(len(table.body) == 1 for table in tables)
