import pytest

from fusion_demo.results.markdown import table
from fusion_demo.results.scores import (
    cell,
    column_groups,
    every_language,
    score_cell,
    seeds_cell,
    summary,
)


def cells(found):
    return [
        [part.strip() for part in line.strip("|").split("|")]
        for line in table(found.header, found.body).splitlines()
        if "---" not in line
    ]


def full(scored, correct, exact, f1):
    """A language's result as it is written today."""
    return {**scored(correct), "macro_f1": f1, "confusion": [[0]], "exact_match": scored(exact)}


def test_cell_is_the_docstrings_worked_example():
    assert cell({"accuracy": 0.8, "n": 500, "interval": [0.763, 0.833]}) == "80.0 (76.3–83.3; n 500)"


def test_mean_of_a_score_needs_it_in_every_language(scored):
    languages = {"si": full(scored, 80, 70, 0.5), "ta": full(scored, 60, 40, 0.25), "hi": scored(50)}
    assert score_cell(languages, "accuracy", ["si", "ta"]).startswith("70.0 (")
    assert score_cell(languages, "exact_match", ["si", "ta"]).startswith("55.0 (")
    assert score_cell(languages, "exact_match", ["si"]) == cell(scored(70))
    assert score_cell(languages, "macro_f1", ["si", "ta"]) == "37.5"
    assert score_cell(languages, "exact_match", ["si", "hi"]) == "–"
    assert score_cell(languages, "macro_f1", ["hi"]) == "–"
    assert score_cell(languages, "accuracy", ["si", "en"]) == "–"


def test_seeds_show_their_mean_and_their_range(scored):
    seeds = [{"si": scored(80), "ta": scored(70)}, {"si": scored(84), "ta": scored(70)}]
    assert seeds_cell(seeds, "accuracy", ["si"]) == "82.0 (80.0–84.0 of 2 seeds)"
    assert seeds_cell(seeds, "accuracy", ["si", "ta"]) == "76.0 (75.0–77.0 of 2 seeds)"
    assert seeds_cell([*seeds, {"si": scored(1)}], "accuracy", ["ta"]) == "–"
    assert seeds_cell(seeds, "macro_f1", ["si"]) == "–"


@pytest.mark.parametrize(
    ("codes", "titles"),
    [
        (["en", "hi", "si"], ["English", "mean of all 3", "mean of all 2 but English", "Sinhala"]),
        (["hi"], ["Hindi"]),
        (["si"], ["Sinhala"]),
        (["en"], ["English"]),
        (["si", "ta"], ["mean of all 2", "Sinhala"]),
    ],
)
def test_columns_repeat_no_set_of_languages(codes, titles):
    assert list(column_groups(codes)) == titles


def test_summary_sets_the_scores_of_a_system_beside_each_other(scored):
    rows = [
        ("first", [{"si": full(scored, 80, 70, 0.5), "en": full(scored, 90, 85, 0.75)}]),
        ("old", [{"si": scored(60), "en": scored(70)}]),
    ]
    found = cells(summary(rows))
    assert found[0] == ["system", "score", "English", "mean of all 2", "Sinhala"]
    assert [row[:2] for row in found[1:]] == [
        ["first", "likelihood"],
        ["first", "exact match"],
        ["first", "macro-F1"],
        ["old", "likelihood"],
    ]
    assert found[2][2] == cell(scored(85))
    assert found[3][2:] == ["75.0", "62.5", "50.0"]


def test_table_of_a_score_has_the_systems_that_hold_it(scored):
    rows = [("first", [{"si": full(scored, 80, 70, 0.5)}]), ("old", [{"si": scored(60), "en": scored(70)}])]
    assert cells(every_language(rows, "accuracy")) == [
        ["language", "first", "old"],
        ["English", "–", cell(scored(70))],
        ["Sinhala", cell(scored(80)), cell(scored(60))],
    ]
    assert cells(every_language(rows, "exact_match")) == [
        ["language", "first"],
        ["Sinhala", cell(scored(70))],
    ]
    assert every_language(rows[1:], "exact_match") is None


def test_a_table_is_sorted_by_the_numbers_behind_its_texts(scored):
    rows = [("a", [{"si": scored(9, 10)}]), ("b", [{"si": scored(60), "en": scored(100)}])]
    body = every_language(rows, "accuracy").body
    assert [[getattr(text, "value", text) for text in row] for row in body] == [
        ["English", None, 1.0],
        ["Sinhala", 0.9, 0.6],
    ]
    seeds = [{"si": scored(80)}, {"si": scored(84)}]
    assert seeds_cell(seeds, "accuracy", ["si"]).value == pytest.approx(0.82)
