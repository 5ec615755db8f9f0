import numpy as np
import pytest

from fusion_demo.errors import DataError
from train_cli.benchmark.rounds import Around, interleave, paired_ratio, seconds, summary


def test_each_round_calls_all_systems_and_begins_with_the_next():
    called = []

    def system(name):
        return lambda number: called.append((name, number)) or len(called)

    results = interleave({"a": system("a"), "b": system("b"), "c": system("c")}, 4)
    assert "".join(name for name, _ in called) == "abc" + "abc" + "bca" + "cab" + "abc"
    assert [number for _, number in called] == [0] * 6 + [1] * 3 + [2] * 3 + [3] * 3
    assert results == {"a": [4, 9, 11, 13], "b": [5, 7, 12, 14], "c": [6, 8, 10, 15]}


def test_without_warm_up_every_call_counts():
    called = []
    assert interleave({"a": called.append}, 3, warm_up=0) == {"a": [None] * 3}
    assert called == [0, 1, 2]


def test_what_stands_around_a_call_is_measured_right_before_and_after_it():
    called = []

    def measured():
        called.append("measured")
        return float(len(called))

    around = Around(measured)
    step = around(lambda number: called.append(number) or 10 * number)
    assert [step(1), step(2)] == [10, 20]
    assert called == ["measured", 1, "measured", "measured", 2, "measured"]
    assert around.values == [(1 + 3) / 2, (4 + 6) / 2]


def test_summary_is_the_median_and_the_quartiles():
    assert summary([5, 1, 4, 2, 3]) == {"median": 3.0, "low": 2.0, "high": 4.0, "n": 5}


def test_a_ratio_is_the_median_of_the_rounds_ratios():
    found = paired_ratio([2, 4, 9], [1, 2, 3])
    assert (found["ratio"], found["n"]) == (2.0, 3)
    assert found["interval"] == [2.0, 3.0]  # nine in ten resamples have a 3 in their middle or below


def test_pairing_takes_out_what_slows_both_sides_down():
    load = np.random.default_rng(0).uniform(1, 20, 30)
    found = paired_ratio(1.1 * load, load)
    assert found["ratio"] == pytest.approx(1.1)
    assert found["interval"] == pytest.approx([1.1, 1.1])
    shuffled = paired_ratio(1.1 * load, load[::-1])
    assert shuffled["interval"][1] - shuffled["interval"][0] > 0.3


def test_one_round_is_too_few():
    with pytest.raises(DataError, match="at least two measurements"):
        paired_ratio([1.0], [1.0])


def test_seconds_call_once():
    called = []
    assert seconds(lambda: called.append(1)) >= 0
    assert called == [1]
