"""Accuracy per language with its interval, as the result files and the tables hold it."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from scipy.stats import binomtest

from fusion_demo.languages import GROUPS, LANGUAGES

CONFIDENCE = 0.95


def score_language(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Return the accuracy of one language with its 95 % Wilson interval (Wilson, 1927).

    Returns:
        `accuracy` (a fraction), `n`, `interval` (low and high, fractions).

    Example: 8 of 10 right -> accuracy 0.8, n 10, interval about (0.490, 0.943).
    """
    correct = sum(truth == answer for truth, answer in zip(gold, predicted, strict=True))
    interval = binomtest(correct, len(gold)).proportion_ci(CONFIDENCE, method="wilson")
    return {
        "accuracy": correct / len(gold),
        "n": len(gold),
        "interval": [float(interval.low), float(interval.high)],
    }


def mean_accuracy(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the unweighted mean of several languages' accuracies with its 95 % interval.

    The interval adds up the languages' own intervals (Zou and Donner, 2008, "Construction of confidence
    limits about effect measures"): low = mean - sqrt(sum((accuracy - low)^2)) / k over k languages, high
    likewise. It speaks of other texts in the same languages, not of other languages.

    Args:
        results: At least one result of `score_language`.

    Returns:
        `accuracy` (a fraction), `n` (texts in all), `interval` (low and high, fractions).

    Example: two languages at 0.8 (0.7 to 0.9) -> 0.8, (0.729, 0.871).
    """
    mean = fmean(result["accuracy"] for result in results)
    below = math.hypot(*(result["accuracy"] - result["interval"][0] for result in results)) / len(results)
    above = math.hypot(*(result["interval"][1] - result["accuracy"] for result in results)) / len(results)
    return {
        "accuracy": mean,
        "n": sum(result["n"] for result in results),
        "interval": [mean - below, mean + above],
    }


def build_report(task: str, split: str, languages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the content of a result file.

    Args:
        task: Name of the task.
        split: "dev" or "test".
        languages: Language code → result of `score_language`.

    Returns:
        `task`, `split`, `languages`; `mean` and `mean_non_english`, unweighted over languages, fractions
        (the second is None where English stands alone); `groups`: for each group of
        `fusion_demo.languages` the `mean_accuracy` over those of its `languages` that were measured.
    """
    foreign = [result for code, result in languages.items() if code != "en"]
    groups = {}
    for group in GROUPS:
        members = [code for code in languages if group in LANGUAGES[code].groups]
        if members:
            mean = mean_accuracy([languages[code] for code in members])
            groups[group] = {"languages": members, **mean}
    return {
        "task": task,
        "split": split,
        "languages": {code: dict(result) for code, result in languages.items()},
        "mean": mean_accuracy(list(languages.values()))["accuracy"],
        "mean_non_english": mean_accuracy(foreign)["accuracy"] if foreign else None,
        "groups": groups,
    }


def format_report(report: Mapping[str, Any]) -> str:
    """Return a report as an aligned plain-text table, accuracies in per cent."""
    lines = [
        f"{report['task']}, {report['split']} split",
        f"{'language':<22}{'accuracy %':>10}{'95 %':>16}{'n':>7}",
    ]
    for code, result in report["languages"].items():
        low, high = result["interval"]
        lines.append(
            f"{f'{LANGUAGES[code].english_name} ({code})':<22}{percent(result['accuracy']):>10}"
            f"{f'{percent(low)}–{percent(high)}':>16}{result['n']:>7}"
        )
    lines.append(f"{'mean':<22}{percent(report['mean']):>10}")
    if report["mean_non_english"] is not None:
        lines.append(f"{'mean without English':<22}{percent(report['mean_non_english']):>10}")
    return "\n".join(lines)


def percent(fraction: float) -> str:
    """Return a fraction in per cent with one decimal. Example: 0.8571 -> "85.7"."""
    return f"{100 * fraction:.1f}"
