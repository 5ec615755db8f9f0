from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, norm

from fusion_demo.errors import DataError
from fusion_demo.resampling import bootstrap_mean, bootstrap_median, mean_of_means


def test_mean_of_means_is_the_docstrings_worked_example():
    assert mean_of_means(np.array([0, 1]), np.array([1, 1, 1])) == 0.75


def test_the_interval_of_a_median_agrees_with_all_resamples():
    values = (1.0, 2.0, 4.0, 8.0, 16.0)
    medians = [np.median(drawn) for drawn in product(values, repeat=5)]
    assert bootstrap_median(values) == tuple(np.percentile(medians, [2.5, 97.5]))
    assert bootstrap_median([3.0] * 4) == (3.0, 3.0)


def test_a_median_of_one_measurement_has_no_interval():
    with pytest.raises(DataError, match="at least two measurements"):
        bootstrap_median([1.0])


def test_interval_of_a_fraction_is_that_of_its_binomial_distribution():
    values = np.array([1] * 12 + [0] * 28)
    expected = binom.ppf([0.025, 0.975], 40, 0.3) / 40
    # A drawn percentile may fall on the neighbouring step of the distribution.
    assert bootstrap_mean([values]) == pytest.approx(expected, abs=1 / 40 + 1e-9)


def test_interval_agrees_with_all_resamples_of_two_small_samples():
    a, b = np.array([0.0, 1.0, 5.0]), np.array([2.0, 2.5, 3.5, 7.0])
    means = [
        (np.mean(one) + np.mean(two)) / 2 for one in product(a, repeat=3) for two in product(b, repeat=4)
    ]
    assert len(means) == 27 * 256
    expected = np.percentile(means, [2.5, 97.5])
    assert bootstrap_mean([a, b]) == pytest.approx(expected, abs=0.1)


def test_samples_are_resampled_on_their_own():
    """Then errors add up as those of independent means, and the normal approximation fits."""
    rng = np.random.default_rng(1)
    samples = [rng.normal(size=n) for n in (200, 900)]
    error = np.sqrt(sum(sample.var() / len(sample) for sample in samples)) / 2
    centre = mean_of_means(*samples)
    low, high = bootstrap_mean(samples)
    assert (low, high) == pytest.approx(centre + error * norm.ppf([0.025, 0.975]), abs=0.05 * error * 2)


def test_vectors_get_an_interval_for_each_of_their_values():
    values = np.random.default_rng(0).random((30, 4))
    interval = bootstrap_mean([values], seed=3)
    assert interval.shape == (2, 4)
    assert (interval[0] < values.mean(axis=0)).all()
    assert (interval[1] > values.mean(axis=0)).all()


def test_same_seed_same_interval_another_seed_another():
    values = np.random.default_rng(0).random(50)
    assert (bootstrap_mean([values], seed=1) == bootstrap_mean([values], seed=1)).all()
    assert (bootstrap_mean([values], seed=1) != bootstrap_mean([values], seed=2)).any()


def test_interval_of_a_constant_has_no_width():
    assert bootstrap_mean([np.ones(10)]).tolist() == [1.0, 1.0]


def test_one_text_is_too_few():
    with pytest.raises(DataError, match="at least two texts of every language"):
        bootstrap_mean([np.ones(5), np.ones(1)])
