"""Bootstrap intervals: of means over texts and languages, and of the median of repeated measurements."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap

from fusion_demo.errors import DataError

CONFIDENCE = 0.95
RESAMPLES = 9_999
NUMBERS_AT_ONCE = 1_000_000
"""Drawn numbers held in memory at a time: 8 MB, which a processor keeps near."""


def bootstrap_mean(samples: Sequence[np.ndarray], *, seed: int = 0) -> np.ndarray:
    """Return the 95 % percentile bootstrap interval (Efron, 1979) of a mean of means.

    The statistic is the unweighted mean of the samples' means. Each sample is resampled on its own, so one
    sample per language resamples texts within languages. Where the same texts were measured in every
    language, the languages do not vary on their own: give one sample, each text's mean over the languages.

    Args:
        samples: Arrays (N, …): one value, or one vector of values, per text; N may differ between them.
        seed: Of the resampling.

    Returns:
        (2, …): low and high.

    Raises:
        DataError: a sample holds fewer than two texts.

    Example: one sample of ten times 1.0 -> (1.0, 1.0).
    """
    if any(len(sample) < 2 for sample in samples):
        raise DataError("An interval needs at least two texts of every language. Measure more texts.")
    result = bootstrap(
        [np.asarray(sample, dtype=float) for sample in samples],
        mean_of_means,
        axis=0,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, NUMBERS_AT_ONCE // sum(np.size(sample) for sample in samples)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=seed,
    )
    return np.stack(result.confidence_interval)


def bootstrap_median(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a median, as low and high.

    Args:
        values: N measurements.
        seed: Of the resampling.

    Raises:
        DataError: there are fewer than two measurements.

    Example: ten times 1.0 -> (1.0, 1.0).
    """
    if len(values) < 2:
        raise DataError("An interval needs at least two measurements. Measure more often.")
    result = bootstrap(
        [np.asarray(values, dtype=float)],
        np.median,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, NUMBERS_AT_ONCE // len(values)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=seed,
    )
    low, high = result.confidence_interval
    return float(low), float(high)


def mean_of_means(*samples: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the unweighted mean of the samples' means along an axis.

    Example: (0, 1) and (1, 1, 1) -> (0.5 + 1) / 2 = 0.75.
    """
    return np.mean([sample.mean(axis=axis) for sample in samples], axis=0)
