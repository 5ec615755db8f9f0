from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_demo.comparison.paired import Difference, compare_languages, compare_mean
from fusion_demo.comparison.verdict import A_BETTER, B_BETTER, NOT_SEPARABLE
from fusion_demo.errors import DataError


def answers(both, only_a, only_b, neither):
    """Rows as two systems answered them, given how many of each kind there are."""
    a = [True] * both + [True] * only_a + [False] * only_b + [False] * neither
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return np.array(a), np.array(b)


def mcnemar_reference(only_a, only_b):
    """McNemar's exact test from its definition: a fair coin thrown for every row on which A and B differ."""
    n = only_a + only_b
    tail = sum(comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n
    return min(1.0, 2 * tail)


def sign_flip_reference(gains):
    """All ways to flip the gains; the share at least as far out, on the nearer side, doubled."""
    sums = [
        sum(s * g for s, g in zip(signs, gains, strict=True)) for signs in product((1, -1), repeat=len(gains))
    ]
    total = sum(gains)
    above = sum(value >= total - 1e-12 for value in sums) / len(sums)
    below = sum(value <= total + 1e-12 for value in sums) / len(sums)
    return min(1.0, 2 * min(above, below))


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [(5, 1, 0.21875), (0, 0, 1.0), (1, 0, 1.0), (3, 3, 1.0), (10, 1, 0.01171875)],
)
def test_p_value_of_a_language_is_mcnemars(only_a, only_b, p_value):
    (found,) = compare_languages({"si": answers(20, only_a, only_b, 7)}).values()
    assert found.p_value == pytest.approx(p_value)
    assert found.p_value == pytest.approx(mcnemar_reference(only_a, only_b))
    assert (found.only_a, found.only_b, found.n) == (only_a, only_b, 27 + only_a + only_b)


def test_accuracies_and_their_difference_are_fractions_of_the_rows():
    (found,) = compare_languages({"si": answers(50, 30, 10, 10)}).values()
    assert (found.accuracy_a, found.accuracy_b) == (0.8, 0.6)
    assert found.difference == pytest.approx(0.2)
    low, high = found.interval
    # The normal approximation of a paired difference: variance (b + c - (b - c)^2 / n) / n^2.
    error = 1.96 * np.sqrt(40 - 20**2 / 100) / 100
    assert (low, high) == pytest.approx((0.2 - error, 0.2 + error), abs=0.015)


def test_holms_correction_is_the_worked_example_of_its_definition():
    """Smallest p times 3, next times 2, largest times 1, and never below one before it."""
    rows = {"si": answers(9, 1, 7, 9), "ta": answers(9, 0, 8, 9), "hi": answers(9, 2, 8, 9)}
    plain = {"si": 18 / 256, "ta": 2 / 256, "hi": 112 / 1024}
    found = compare_languages(rows)
    assert {code: result.p_value for code, result in found.items()} == pytest.approx(plain)
    expected = {"ta": 3 * 2 / 256, "si": 2 * 18 / 256, "hi": max(2 * 18 / 256, 112 / 1024)}
    assert {code: result.adjusted_p_value for code, result in found.items()} == pytest.approx(expected)


@pytest.mark.parametrize("parallel", [True, False])
def test_p_value_of_a_mean_counts_all_flips_where_they_can_be_counted(parallel):
    first, second = answers(2, 3, 1, 1), answers(1, 4, 1, 1)
    gains = [a.astype(int) - b.astype(int) for a, b in (first, second)]
    flipped = np.sum(gains, axis=0) if parallel else np.concatenate(gains)
    found = compare_mean([first, second], parallel=parallel)
    assert found.p_value == pytest.approx(sign_flip_reference(flipped))
    assert found.adjusted_p_value == found.p_value


def test_languages_weigh_the_same_in_a_mean_however_many_rows_they_have():
    small, large = answers(0, 2, 0, 2), answers(0, 2, 0, 6)
    found = compare_mean([small, large], parallel=False)
    assert found.difference == pytest.approx((2 / 4 + 2 / 8) / 2)
    assert (found.n, found.only_a, found.only_b) == (12, 4, 0)
    assert found.p_value == pytest.approx(sign_flip_reference([1 / 4, 1 / 4, 1 / 8, 1 / 8]))


def test_mean_over_one_language_is_that_language():
    rows = answers(20, 9, 2, 10)
    (alone,) = compare_languages({"si": rows}).values()
    mean = compare_mean([rows], parallel=False)
    assert mean.p_value == pytest.approx(alone.p_value)
    assert mean == Difference(**{**vars(alone), "p_value": mean.p_value, "adjusted_p_value": mean.p_value})


def test_drawn_flips_agree_with_mcnemars_test_on_the_sum_where_languages_are_of_one_size():
    found = compare_mean([answers(50, 30, 15, 5), answers(60, 20, 12, 8)], parallel=False)
    assert found.p_value == pytest.approx(mcnemar_reference(50, 27), abs=0.004)


def test_texts_that_every_language_shares_are_no_new_evidence():
    """The same answers in five languages: five times the rows, but as sure as one language alone."""
    rows = answers(100, 40, 22, 38)
    alone = compare_mean([rows], parallel=False)
    shared = compare_mean([rows] * 5, parallel=True)
    assert shared.interval == pytest.approx(alone.interval)
    assert shared.p_value == pytest.approx(alone.p_value, abs=0.005)
    as_if_new = compare_mean([rows] * 5, parallel=False)
    assert np.diff(as_if_new.interval)[0] == pytest.approx(np.diff(alone.interval)[0] / np.sqrt(5), rel=0.1)
    assert as_if_new.p_value < 0.001 < 0.01 < shared.p_value


def test_shared_texts_whose_gains_cancel_out_are_seen_as_pairs():
    """What one language gains on a text another loses on the same text: the mean does not move at all."""
    a, b = answers(0, 10, 10, 0)
    found = compare_mean([(a, b), (b, a)], parallel=True)
    assert found.interval == (0.0, 0.0)
    assert found.p_value == 1.0


def test_parallel_languages_of_other_sizes_are_refused():
    with pytest.raises(DataError, match=r"differ in their number of rows.*--rows independent"):
        compare_mean([answers(1, 1, 1, 1), answers(1, 1, 1, 2)], parallel=True)


@pytest.mark.parametrize(
    ("interval", "p_value", "verdict"),
    [
        ((0.01, 0.05), 0.049, A_BETTER),
        ((-0.05, -0.01), 0.049, B_BETTER),
        ((0.01, 0.05), 0.05, NOT_SEPARABLE),
        ((0.0, 0.05), 0.001, NOT_SEPARABLE),
        ((-0.05, 0.0), 0.001, NOT_SEPARABLE),
    ],
)
def test_verdict_needs_both_the_test_and_the_interval(interval, p_value, verdict):
    found = Difference(100, 0.5, 0.4, interval, 0, 0, 0.0001, p_value)
    assert found.verdict == verdict


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40), st.booleans())
def test_swapping_the_systems_turns_the_result_around(rows, parallel):
    a, b = (np.array(column) for column in zip(*rows, strict=True))
    one, other = compare_mean([(a, b)], parallel=parallel), compare_mean([(b, a)], parallel=parallel)
    assert other.difference == pytest.approx(-one.difference)
    assert other.p_value == pytest.approx(one.p_value, abs=0.02)
    assert other.interval == pytest.approx((-one.interval[1], -one.interval[0]), abs=1.01 / len(rows))
