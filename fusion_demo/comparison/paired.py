"""Two systems on the same rows: the difference of their accuracies, and whether chance explains it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import permutation_test
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from fusion_demo.comparison.verdict import verdict
from fusion_demo.errors import DataError
from fusion_demo.resampling import NUMBERS_AT_ONCE, RESAMPLES, bootstrap_mean, mean_of_means

Paired = tuple[np.ndarray, np.ndarray]
"""Of two systems A and B: (N,) booleans each, whether the answer to row i is right."""


@dataclass(frozen=True)
class Difference:
    """System A against system B on the same rows.

    Attributes:
        n: Rows, over all languages.
        accuracy_a: Fraction that A answered right; of several languages the unweighted mean.
        accuracy_b: The same of B.
        interval: 95 % bootstrap interval of `accuracy_a - accuracy_b`.
        only_a: Rows that A alone answered right.
        only_b: Rows that B alone answered right.
        p_value: Two-sided; of one language McNemar's exact test, of a mean the sign-flip test.
        adjusted_p_value: The same after Holm's correction over the languages; equal to it for a mean.
    """

    n: int
    accuracy_a: float
    accuracy_b: float
    interval: tuple[float, float]
    only_a: int
    only_b: int
    p_value: float
    adjusted_p_value: float

    @property
    def difference(self) -> float:
        """Accuracy of A minus that of B, a fraction."""
        return self.accuracy_a - self.accuracy_b

    @property
    def verdict(self) -> str:
        """ "A better", "B better" or "not separable"."""
        return verdict(self.interval, self.adjusted_p_value)


def compare_languages(languages: Mapping[str, Paired], *, seed: int = 0) -> dict[str, Difference]:
    """Compare two systems in each language, with Holm's (1979) correction over the languages.

    Args:
        languages: Language code → what both systems got right.
        seed: Of the bootstrap.

    Raises:
        DataError: a language holds fewer than two rows.
    """
    found = {code: _compare_one(a, b, seed=seed) for code, (a, b) in languages.items()}
    adjusted = multipletests([result.p_value for result in found.values()], method="holm")[1]
    return {
        code: replace(result, adjusted_p_value=float(p))
        for (code, result), p in zip(found.items(), adjusted, strict=True)
    }


def compare_mean(languages: Sequence[Paired], *, parallel: bool, seed: int = 0) -> Difference:
    """Compare the mean accuracy over several languages of two systems.

    The p-value is that of the sign-flip test (Fisher, 1935): if the systems were alike, what one of them
    gains on a text could as well be the other's. On one language it is McNemar's exact test; with several
    it also fits languages with different numbers of rows, and texts that they share. It is drawn at random
    where there are more than 9,999 ways to flip, and then not below 0.0002.

    Args:
        languages: What both systems got right, in each language.
        parallel: Whether row i is the same text in every language. If so, the texts are resampled and
            flipped as a whole, in all languages at once; if not, each row by itself.
        seed: Of the resampling.

    Raises:
        DataError: there are fewer than two rows, or parallel languages differ in their number of rows.
    """
    gains = [a.astype(int) - b.astype(int) for a, b in languages]
    if parallel:
        if len({len(gain) for gain in gains}) > 1:
            raise DataError(
                "The languages are line-parallel but differ in their number of rows. Measure the same rows "
                "in every language, or choose --rows independent."
            )
        interval = bootstrap_mean([np.mean(gains, axis=0)], seed=seed)
        # Whole numbers, so that equal sums are equal: every row weighs the same.
        flipped = np.sum(gains, axis=0)
    else:
        interval = bootstrap_mean(gains, seed=seed)
        flipped = np.concatenate([gain / len(gain) for gain in gains])
    p_value = _sign_flip(flipped, seed=seed)
    return Difference(
        n=sum(map(len, gains)),
        accuracy_a=float(mean_of_means(*(a for a, _ in languages))),
        accuracy_b=float(mean_of_means(*(b for _, b in languages))),
        interval=(float(interval[0]), float(interval[1])),
        only_a=sum(int((gain > 0).sum()) for gain in gains),
        only_b=sum(int((gain < 0).sum()) for gain in gains),
        p_value=p_value,
        adjusted_p_value=p_value,
    )


def _compare_one(a: np.ndarray, b: np.ndarray, *, seed: int) -> Difference:
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    interval = bootstrap_mean([a.astype(int) - b.astype(int)], seed=seed)
    # The rows on which both agree do not enter the test.
    p_value = float(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue)
    return Difference(
        n=len(a),
        accuracy_a=float(a.mean()),
        accuracy_b=float(b.mean()),
        interval=(float(interval[0]), float(interval[1])),
        only_a=only_a,
        only_b=only_b,
        p_value=p_value,
        adjusted_p_value=p_value,
    )


def _sign_flip(gains: np.ndarray, *, seed: int) -> float:
    moved = gains[gains != 0]  # flipping a zero changes nothing
    if len(moved) < 2:  # one gain could as well have been a loss
        return 1.0
    result = permutation_test(
        (moved,),
        lambda values, axis: values.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, NUMBERS_AT_ONCE // len(moved)),
        rng=seed,
    )
    return float(result.pvalue)
