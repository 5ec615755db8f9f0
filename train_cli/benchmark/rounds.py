"""How two systems are compared on a machine that is never quite quiet: in turn, many times, as ratios.

Whatever slows the machine down for a second slows all systems of that round. So a system is compared with
the baseline round by round, and the ratio's median and its bootstrap interval are what is reported.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from fusion_demo.resampling import bootstrap_median

Result = TypeVar("Result")


def interleave(
    systems: Mapping[str, Callable[[int], Result]], repeats: int, *, warm_up: int = 1
) -> dict[str, list[Result]]:
    """Call every system once a round; each round begins with the next of them.

    Args:
        systems: What is called, with the number of the round, by name.
        repeats: Rounds whose results are kept.
        warm_up: Rounds before them, all with the number 0, whose results are not.

    Returns:
        The results by name, one for each round.

    Example: systems a and b, 2 rounds -> called in the order a b, b a (after a b to warm up).
    """
    names = list(systems)
    for _ in range(warm_up):
        for name in names:
            systems[name](0)
    results: dict[str, list[Result]] = {name: [] for name in names}
    gc.collect()
    gc.freeze()  # what is loaded by now is looked through no more, so that collecting takes no time
    try:
        for number in range(repeats):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                gc.collect()  # so that no system pays for what another one left behind
                results[name].append(systems[name](number))
    finally:
        gc.unfreeze()
    return results


class Around:
    """What is measured right before and right after each call of a step: the mean of the two.

    Attributes:
        values: One for each call.
    """

    def __init__(self, measured: Callable[[], float]) -> None:
        self.values: list[float] = []
        self._measured = measured

    def __call__(self, step: Callable[[int], float]) -> Callable[[int], float]:
        """Return the step with both measurements around it."""

        def call(number: int) -> float:
            before = self._measured()
            result = step(number)
            self.values.append((before + self._measured()) / 2)
            return result

        return call


def seconds(call: Callable[[], Any], device: str = "cpu") -> float:
    """Return how long a call takes, work on the GPU included."""
    synchronize(device)
    began = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - began


def synchronize(device: str) -> None:
    """Wait for the work that a GPU was given; a CPU has none."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return `median`, `low` and `high` (the quartiles) and `n` of measurements.

    Example: 1, 2, 3, 4, 5 -> median 3, low 2, high 4, n 5.
    """
    low, median, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.5, 0.75])
    return {"median": float(median), "low": float(low), "high": float(high), "n": len(values)}


def paired_ratio(values: Sequence[float], baseline: Sequence[float], *, seed: int = 0) -> dict[str, Any]:
    """Return the median of the ratios of measurements of the same rounds, and its 95 % bootstrap interval.

    Args:
        values: One for each round.
        baseline: Those of the baseline in the same rounds.
        seed: Of the resampling.

    Returns:
        `ratio`, `interval` (low, high) and `n`.

    Raises:
        DataError: there are fewer than two rounds.

    Example: 2, 4, 9 against 1, 2, 3 -> the ratios 2, 2, 3; their median 2.
    """
    ratios = np.asarray(values, dtype=float) / np.asarray(baseline, dtype=float)
    return {
        "ratio": float(np.median(ratios)),
        "interval": list(bootstrap_median(ratios, seed=seed)),
        "n": len(ratios),
    }
