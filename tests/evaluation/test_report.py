import math

import numpy as np
import pytest

from fusion_demo.evaluation import (
    PredictionRow,
    build_report,
    format_confusion,
    format_report,
    mean_accuracy,
    measure_language,
    percent,
    score_language,
)
from fusion_demo.tasks import Task


def wilson(correct, n, z=1.959963984540054):
    """Write out Wilson's score interval as in the textbooks."""
    share = correct / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def scored(correct, n):
    return score_language(["a"] * n, ["a"] * correct + ["b"] * (n - correct))


@pytest.mark.parametrize(("correct", "n"), [(8, 10), (0, 7), (7, 7), (1, 1), (359, 500)])
def test_interval_is_wilsons(correct, n):
    result = scored(correct, n)
    assert result["accuracy"] == correct / n
    assert result["n"] == n
    assert result["interval"] == pytest.approx(wilson(correct, n), abs=1e-9)


def test_worked_example_of_the_docstring():
    assert scored(8, 10)["interval"] == pytest.approx([0.490, 0.943], abs=5e-4)


def test_accuracy_compares_row_by_row():
    assert score_language(["a", "b", "c", "a"], ["a", "c", "b", "a"])["accuracy"] == 0.5


def test_gold_and_predictions_of_unequal_number_are_refused():
    with pytest.raises(ValueError, match="zip"):
        score_language(["a", "b"], ["a"])


def test_mean_of_one_language_is_its_own_result():
    one = scored(3, 10)
    mean = mean_accuracy([one])
    assert (mean["accuracy"], mean["n"]) == (one["accuracy"], one["n"])
    assert mean["interval"] == pytest.approx(one["interval"])


def test_interval_of_the_mean_is_the_docstrings_worked_example():
    result = mean_accuracy([{"accuracy": 0.8, "n": 60, "interval": [0.7, 0.9]}] * 2)
    assert result["accuracy"] == pytest.approx(0.8)
    assert result["n"] == 120
    assert result["interval"] == pytest.approx([0.729, 0.871], abs=5e-4)


def test_interval_of_the_mean_covers_the_truth_as_often_as_it_says():
    truths = (0.55, 0.7, 0.9, 0.95)
    draws = np.random.default_rng(0).binomial(150, truths, size=(400, 4))
    covered = 0
    for row in draws.tolist():
        low, high = mean_accuracy([scored(correct, 150) for correct in row])["interval"]
        covered += low <= sum(truths) / 4 <= high
    assert 0.92 <= covered / 400 <= 0.98


def test_per_cent_has_one_decimal():
    assert percent(0.8571) == "85.7"


@pytest.fixture
def report():
    return build_report(
        "news", "test", {"en": scored(9, 10), "hi": scored(6, 10), "si": scored(3, 10), "ta": scored(2, 10)}
    )


def test_means_are_unweighted_over_languages(report):
    assert report["mean"] == pytest.approx(0.5)
    assert report["mean_non_english"] == pytest.approx((0.6 + 0.3 + 0.2) / 3)
    # A language counts once, however many rows it has.
    assert build_report("news", "test", {"si": scored(1, 1), "ta": scored(0, 99)})["mean"] == 0.5


def test_group_means_hold_the_languages_that_were_measured(report):
    indic = report["groups"]["indic"]
    assert indic["languages"] == ["hi", "ta"]
    assert indic["accuracy"] == pytest.approx(0.4)
    assert indic["n"] == 20
    assert report["groups"]["sinhala"]["languages"] == ["si"]
    assert "indic" not in build_report("news", "dev", {"en": scored(1, 2)})["groups"]


def test_english_alone_has_no_foreign_mean():
    assert build_report("news", "dev", {"en": scored(1, 2)})["mean_non_english"] is None


def test_report_names_task_split_and_languages(report):
    assert (report["task"], report["split"]) == ("news", "test")
    assert list(report["languages"]) == ["en", "hi", "si", "ta"]


def test_table_shows_per_cent_interval_and_n(report):
    lines = format_report(report).splitlines()
    assert lines[0] == "news, test split"
    assert lines[4].split() == ["Sinhala", "(si)", "30.0", "10.8–60.3", "10"]
    assert lines[6].split() == ["mean", "50.0"]
    assert lines[7].split() == ["mean", "without", "English", "36.7"]
    assert len({len(line) for line in lines[1:6]}) == 1
    assert lines[7].startswith("mean without English")
    assert [line for line in lines if line != line.rstrip()] == []


def test_the_whole_table_with_two_more_scores():
    answers = [("pos", "pos", "very good"), ("pos", "neg", "bad")]
    languages = {code: measure_language(MOOD, answered(*answers)) for code in ("en", "si")}
    assert format_report(build_report("mood", "dev", languages)).splitlines() == [
        "mood, dev split",
        "language                  accuracy %            95 %      n        macro-F1 %     exact match %",
        "English (en)                    50.0        9.5–90.5      2              33.3              50.0",
        "Sinhala (si)                    50.0        9.5–90.5      2              33.3              50.0",
        "mean                            50.0                                     33.3              50.0",
        "mean without English            50.0                                     33.3              50.0",
    ]


def test_table_of_english_alone_leaves_the_foreign_mean_out():
    assert "without" not in format_report(build_report("news", "dev", {"en": scored(1, 2)}))


def test_table_ends_with_the_groups_that_have_several_languages(report):
    lines = [line.split() for line in format_report(report).splitlines()[8:]]
    assert lines == [
        ["xnli,", "2", "of", "15", "75.0"],
        ["indic,", "2", "of", "11", "40.0"],
        ["low-resource,", "3", "of", "12", "36.7"],
    ]


MOOD = Task(
    name="mood",
    title="Mood",
    instruction="",
    bare_prompt="",
    label_words={"pos": "very good", "neg": "bad", "none": "so-so", "odd": "odd"},
    languages=("en",),
    data="",
    licence="",
    licence_id="",
)


def answered(*rows):
    return [
        PredictionRow(row=i, gold=gold, label=label, log_likelihoods=(0.0,) * 4, answer=answer)
        for i, (gold, label, answer) in enumerate(rows)
    ]


def test_scores_of_a_language_equal_those_worked_out_by_hand():
    result = measure_language(
        MOOD,
        answered(
            ("pos", "pos", "Very good."),
            ("pos", "pos", "good"),
            ("pos", "neg", "bad"),
            ("neg", "neg", "bad"),
            ("neg", "none", "bad film"),
        ),
    )
    assert result["accuracy"] == 3 / 5
    assert result["interval"] == pytest.approx(wilson(3, 5))
    # pos: precision 2/2, recall 2/3; neg: 1/2, 1/2; none: 0/1, nothing to find; odd is nowhere.
    assert result["macro_f1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 4 + 0) / 3)
    assert result["confusion"] == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert result["exact_match"]["accuracy"] == 2 / 5
    assert result["exact_match"]["interval"] == pytest.approx(wilson(2, 5))


def test_exact_match_is_left_out_where_nothing_was_written():
    assert "exact_match" not in measure_language(MOOD, answered(("pos", "neg", None)))


def test_an_empty_answer_was_written_and_is_wrong():
    assert measure_language(MOOD, answered(("pos", "pos", "")))["exact_match"]["accuracy"] == 0


def test_means_and_groups_hold_every_score_that_all_languages_have():
    right, wrong = ("pos", "pos", "very good"), ("pos", "neg", "bad")
    measured = {
        "en": measure_language(MOOD, answered(right, right)),
        "hi": measure_language(MOOD, answered(right, wrong)),
        "ta": measure_language(MOOD, answered(wrong, wrong)),
    }
    report = build_report("mood", "test", measured)
    # F1 of hi: pos 2/3, neg 0; so 1/3.
    assert report["mean_macro_f1"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert report["mean_macro_f1_non_english"] == pytest.approx(1 / 6)
    assert report["mean_exact_match"] == pytest.approx(0.5)
    assert report["mean_exact_match_non_english"] == pytest.approx(0.25)
    assert report["groups"]["indic"]["macro_f1"] == pytest.approx(1 / 6)
    assert report["groups"]["indic"]["exact_match"] == pytest.approx(0.25)
    lines = format_report(report).splitlines()
    assert lines[1].split("  ")[-1].strip() == "exact match %"
    assert lines[2].split()[-2:] == ["100.0", "100.0"]
    assert lines[5].split() == ["mean", "50.0", "44.4", "50.0"]
    del measured["hi"]["exact_match"]
    assert "mean_exact_match" not in build_report("mood", "test", measured)


def test_confusion_has_a_numbered_row_and_column_for_each_label():
    lines = format_confusion(["pos", "neg"], [[12, 3], [0, 5]]).splitlines()
    assert lines[0].split() == ["gold,", "then", "answered", "1", "2"]
    assert lines[1].split() == ["1.", "pos", "12", "3"]
    assert lines[2].split() == ["2.", "neg", "0", "5"]
    assert len({len(line) for line in lines}) == 1


def test_the_columns_of_a_confusion_stand_behind_the_longest_label():
    assert format_confusion(["yes", "a label longer than the corner"], [[12, 3], [0, 5]]).split("\n") == [
        "gold, then answered" + " " * 15 + "      1      2",
        " 1. yes" + " " * 27 + "     12      3",
        " 2. a label longer than the corner      0      5",
    ]
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        format_confusion(["pos", "neg"], [[1, 2]])
