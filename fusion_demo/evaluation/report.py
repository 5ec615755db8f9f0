"""Scores per language with their intervals, as the result files and the tables hold them."""

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any

from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score

from fusion_demo.evaluation.exact_match import exact_match
from fusion_demo.evaluation.predictions import PredictionRow
from fusion_demo.languages import GROUPS, LANGUAGES, languages_in
from fusion_demo.tasks import Task

CONFIDENCE = 0.95
SCORES = {"macro_f1": "macro-F1 %", "exact_match": "exact match %"}
"""What a report may hold beside the accuracy → the title of its column."""


def score_language(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Return the accuracy of one language with its 95 % Wilson interval (Wilson, 1927).

    Returns:
        `accuracy` (a fraction), `n`, `interval` (low and high, fractions).

    Example: 8 of 10 right -> accuracy 0.8, n 10, interval about (0.490, 0.943).
    """
    return _share([truth == answer for truth, answer in zip(gold, predicted, strict=True)])


def measure_language(task: Task, rows: Sequence[PredictionRow]) -> dict[str, Any]:
    """Return all scores of one language.

    Returns:
        What `score_language` does, of the most likely labels; `macro_f1`, a fraction, the mean of the F1 of
        every label that is gold or answered somewhere in these rows; `confusion`, how many texts of a label
        (a row) got a label (a column), both in the task's order; and, if the system wrote answers, under
        `exact_match` what `score_language` does, of the answers that are the right label's words.
    """
    gold, labels = [row.gold for row in rows], [row.label for row in rows]
    result = score_language(gold, labels)
    result["macro_f1"] = float(f1_score(gold, labels, average="macro", zero_division=0.0))
    result["confusion"] = confusion_matrix(gold, labels, labels=list(task.labels)).tolist()
    if all(row.answer is not None for row in rows):
        words = [task.label_words[label] for label in gold]
        answers = [row.answer or "" for row in rows]
        result["exact_match"] = _share(list(map(exact_match, answers, words)))
    return result


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
        languages: Language code → result of `measure_language`, or of `score_language` alone.

    Returns:
        `task`, `split`, `languages`; `mean` and `mean_non_english`, accuracies unweighted over languages,
        fractions (the second is None where English stands alone); `groups`: for each group of
        `fusion_demo.languages` the `mean_accuracy` over those of its `languages` that were measured.
        Where every language has them, also `mean_macro_f1` and `mean_exact_match`, the same
        `_non_english`, and `macro_f1` and `exact_match` of each group.
    """
    report: dict[str, Any] = {
        "task": task,
        "split": split,
        "languages": {code: dict(result) for code, result in languages.items()},
    }
    foreign = [code for code in languages if code != "en"]
    for name, score in _means(languages).items():
        report[_mean_key(name)] = score
        report[f"{_mean_key(name)}_non_english"] = _means(languages, foreign)[name] if foreign else None
    report["groups"] = {}
    for group in GROUPS:
        members = [code for code in languages if group in LANGUAGES[code].groups]
        if members:
            mean = mean_accuracy([languages[code] for code in members])
            report["groups"][group] = {"languages": members, **_means(languages, members), **mean}
    return report


def format_report(report: Mapping[str, Any]) -> str:
    """Return a report as an aligned plain-text table, all scores in per cent."""
    scores = [name for name in SCORES if _mean_key(name) in report]
    header = f"{'language':<26}{'accuracy %':>10}{'95 %':>16}{'n':>7}"
    lines = [
        f"{report['task']}, {report['split']} split",
        header + "".join(f"{title:>18}" for name, title in SCORES.items() if name in scores),
    ]
    for code, result in report["languages"].items():
        low, high = result["interval"]
        cells = "".join(f"{percent(_score(result, name)):>18}" for name in scores)
        lines.append(
            f"{f'{LANGUAGES[code].english_name} ({code})':<26}{percent(result['accuracy']):>10}"
            f"{f'{percent(low)}–{percent(high)}':>16}{result['n']:>7}{cells}"
        )

    def mean_line(title: str, accuracy: float, others: Sequence[float]) -> str:
        cells = "".join(f"{percent(value):>18}" for value in others)
        return f"{title:<26}{percent(accuracy):>10}{'':>23}{cells}".rstrip()

    for title, end in (("mean", ""), ("mean without English", "_non_english")):
        if report[f"mean{end}"] is not None:
            means = [report[f"{_mean_key(name)}{end}"] for name in scores]
            lines.append(mean_line(title, report[f"mean{end}"], means))
    for name, group in report["groups"].items():
        if len(group["languages"]) > 1:
            title = f"{name}, {len(group['languages'])} of {len(languages_in(name))}"
            lines.append(mean_line(title, group["accuracy"], [group[score] for score in scores]))
    return "\n".join(lines)


def format_confusion(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    """Return a confusion matrix as an aligned plain-text table: a row for each gold label.

    The columns are numbered in the order of the rows.
    """
    corner = "gold, then answered"
    width = max(len(corner), *(len(label) + 4 for label in labels))
    lines = [f"{corner:<{width}}" + "".join(f"{k:>7}" for k in range(1, len(labels) + 1))]
    for k, (label, row) in enumerate(zip(labels, confusion, strict=True), start=1):
        lines.append(f"{f'{k:>2}. {label}':<{width}}" + "".join(f"{number:>7}" for number in row))
    return "\n".join(lines)


def percent(fraction: float) -> str:
    """Return a fraction in per cent with one decimal. Example: 0.8571 -> "85.7"."""
    return f"{100 * fraction:.1f}"


def _share(right: Sequence[bool]) -> dict[str, Any]:
    interval = binomtest(sum(right), len(right)).proportion_ci(CONFIDENCE, method="wilson")
    return {
        "accuracy": sum(right) / len(right),
        "n": len(right),
        "interval": [float(interval.low), float(interval.high)],
    }


def _score(result: Mapping[str, Any], name: str) -> float:
    """One of `SCORES` or the accuracy: a number, or what `score_language` returns."""
    return result[name]["accuracy"] if name == "exact_match" else result[name]


def _means(
    languages: Mapping[str, Mapping[str, Any]], codes: Collection[str] | None = None
) -> dict[str, float]:
    """Unweighted means over some languages, or all, of those scores that every language has."""
    measured = [name for name in ("accuracy", *SCORES) if all(name in row for row in languages.values())]
    chosen = [languages[code] for code in (languages if codes is None else codes)]
    return {name: fmean(_score(row, name) for row in chosen) for name in measured}


def _mean_key(name: str) -> str:
    return "mean" if name == "accuracy" else f"mean_{name}"
