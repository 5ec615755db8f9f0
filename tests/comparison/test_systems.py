import dataclasses

import numpy as np
import pytest

from fusion_demo.comparison.paired import compare_languages, compare_mean
from fusion_demo.comparison.systems import compare_runs
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.tasks import get_task

A = {"en": "1111100000", "hi": "1111111100", "ta": "1110001110"}
B = {"en": "1110011000", "hi": "0000000011", "ta": "1111001100"}
C = {"en": "0000000000", "hi": "0000000000", "ta": "0000000000"}


def right(marks):
    return np.array([mark == "1" for mark in marks])


def test_every_pair_is_compared_in_every_language(make_run):
    runs = [make_run("a", right=A), make_run("b", right=B), make_run("c", right=C)]
    found = compare_runs(runs, seed=5)
    assert [(pair["a"], pair["b"]) for pair in found["pairs"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    expected = compare_languages({code: (right(A[code]), right(B[code])) for code in A}, seed=5)
    for code, difference in expected.items():
        row = found["pairs"][0]["languages"][code]
        for field in dataclasses.fields(difference):
            value = getattr(difference, field.name)
            assert row[field.name] == (list(value) if field.name == "interval" else value)
        assert row["difference"] == difference.difference
        assert row["verdict"] == difference.verdict
    assert found["pairs"][1]["languages"]["hi"]["verdict"] == "A better"


def test_means_are_over_all_over_the_foreign_and_over_the_groups(make_run):
    indic = ["as", "bn", "gu", "kn", "ml", "mr"]
    a, b = ({**marks, **dict.fromkeys(indic, marks["ta"])} for marks in (A, B))
    means = compare_runs([make_run("a", right=a), make_run("b", right=b)])["pairs"][0]["means"]
    assert {name: mean["languages"] for name, mean in means.items()} == {
        "all": ["en", "hi", "ta", *indic],
        "all but English": ["hi", "ta", *indic],
    }
    a, b = ({**marks, "de": marks["en"]} for marks in (a, b))
    means = compare_runs([make_run("a", right=a), make_run("b", right=b)])["pairs"][0]["means"]
    assert means["indic"]["languages"] == ["hi", "ta", *indic]
    pairs = [(right(a[code]), right(b[code])) for code in means["indic"]["languages"]]
    expected = compare_mean(pairs, parallel=False)
    assert means["indic"]["p_value"] == expected.p_value
    assert means["indic"]["interval"] == list(expected.interval)


@pytest.mark.parametrize(
    ("task", "rows", "parallel"),
    [
        ("sib200", "auto", True),
        ("news", "auto", False),
        ("news", "parallel", True),
        ("sib200", "independent", False),
    ],
)
def test_shared_texts_are_known_by_the_task_or_the_option(make_run, task, rows, parallel):
    found = compare_runs([make_run("a", task=task, right=A), make_run("b", task=task, right=B)], rows=rows)
    assert found["rows"] == ("parallel" if parallel else "independent")
    expected = compare_mean([(right(A[code]), right(B[code])) for code in A], parallel=parallel)
    assert found["pairs"][0]["means"]["all"]["interval"] == list(expected.interval)
    assert found["pairs"][0]["means"]["all"]["p_value"] == expected.p_value


def test_result_says_what_was_compared(make_run):
    found = compare_runs([make_run("a", right=A, seed=3), make_run("b", right=B, seed=3)], seed=7)
    assert (found["task"], found["split"], found["score"]) == ("news", "test", "likelihood")
    assert (found["data_seed"], found["seed"], found["systems"]) == (3, 7, ["a", "b"])


def test_languages_that_one_system_lacks_are_left_out_and_named(make_run):
    less = {code: marks for code, marks in B.items() if code != "hi"}
    found = compare_runs([make_run("a", right=A), make_run("b", right=less)])
    assert list(found["pairs"][0]["languages"]) == ["en", "ta"]
    assert found["left_out"] == ["hi"]


def test_generation_counts_the_answers_that_match_exactly(make_run):
    words = get_task("news").label_words
    golds = list(words)[:2]
    said = [words[golds[0]].capitalize() + ".", "I think " + words[golds[1]]]
    runs = [
        make_run("a", right={"si": "00"}, answers=said),
        make_run("b", right={"si": "11"}, answers=["", words[golds[1]]]),
    ]
    row = compare_runs(runs, score="generation")["pairs"][0]["languages"]["si"]
    assert (row["only_a"], row["only_b"]) == (1, 1)
    row = compare_runs(runs, score="likelihood")["pairs"][0]["languages"]["si"]
    assert (row["only_a"], row["only_b"]) == (0, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"split": "dev"},
            "not measured on the same rows: split is 'test' in the first and 'dev' in the sec",
        ),
        ({"seed": 1}, "seed is 0 in the first and 1 in the second"),
        ({"max_examples": 9}, "max_examples is 0 in the first and 9"),
        ({"task": "sib200"}, "task is 'news' in the first and 'sib200'"),
        ({"labels": ("x",)}, "labels is"),
        ({"data": {c: {"rows": 10, "sha256": "1"} for c in B}}, "on other texts in 'en'"),
        ({"right": {"en": "11"}, "data": {"en": {"rows": 10, "sha256": "0"}}}, "on other texts in 'en'"),
        ({"right": {"si": "11"}}, r"no language in common \(runs/a: en, hi, ta; runs/b: si\)"),
    ],
)
def test_runs_of_other_rows_are_refused(make_run, change, message):
    with pytest.raises(DataError, match=message):
        compare_runs([make_run("a", right=A), make_run("b", **{"right": B, **change})])


def test_parallel_rows_must_be_the_same_in_every_language(make_run):
    uneven = {**A, "ta": "111"}
    with pytest.raises(
        DataError, match=r"rows of 'en' and 'ta' in runs/a are not the same texts.*independent"
    ):
        compare_runs([make_run("a", task="sib200", right=uneven), make_run("b", task="sib200", right=uneven)])


def test_missing_answers_are_named(make_run):
    with pytest.raises(DataError, match="runs/a holds no answers for --score generation, only likelihood"):
        compare_runs([make_run("a", right=A), make_run("b", right=B)], score="generation")


def test_systems_of_one_name_are_told_apart_by_their_folders(make_run):
    runs = [make_run("news-global", folder=f"seed-{n}", right=r) for n, r in enumerate((A, B))]
    assert compare_runs(runs)["systems"] == ["news-global (seed-0)", "news-global (seed-1)"]


def test_one_folder_named_twice_is_refused(make_run):
    run = make_run("a", right=A)
    with pytest.raises(DataError, match=r"same name: a \(a\), a \(a\)"):
        compare_runs([run, run])


def test_one_run_alone_is_refused(make_run):
    with pytest.raises(ConfigError, match="at least two systems"):
        compare_runs([make_run("a", right=A)])


@pytest.mark.parametrize(
    ("option", "message"), [({"score": "x"}, "--score takes"), ({"rows": "x"}, "--rows takes")]
)
def test_unknown_options_are_refused(make_run, option, message):
    with pytest.raises(ConfigError, match=message):
        compare_runs([make_run("a", right=A), make_run("b", right=B)], **option)
