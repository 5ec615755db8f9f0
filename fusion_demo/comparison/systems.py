"""Prediction runs of several systems → every pair of them compared on the same rows."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from fusion_demo.comparison.groups import groups_of
from fusion_demo.comparison.paired import Difference, Paired, compare_languages, compare_mean
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.evaluation.exact_match import exact_match
from fusion_demo.evaluation.predictions import PredictionRow, PredictionRun
from fusion_demo.resampling import CONFIDENCE, RESAMPLES
from fusion_demo.tasks import Task, get_task

SCORES = ("likelihood", "generation")
ROWS = ("auto", "parallel", "independent")
SAME = ("task", "split", "seed", "max_examples", "labels")


def compare_runs(
    runs: Sequence[PredictionRun], *, score: str = "likelihood", rows: str = "auto", seed: int = 0
) -> dict[str, Any]:
    """Compare every pair of systems in the languages that all of them were measured in.

    Args:
        runs: At least two, of the same rows.
        score: "likelihood": the most likely label is right; "generation": the written answer is.
        rows: "parallel" if row i is the same text in every language, "independent" if not, "auto" to take
            the task's word for it. It decides what is resampled for means over languages.
        seed: Of the resampling.

    Returns:
        What was compared and how; `pairs`, in the order of the runs, each with `a` and `b` (names),
        `languages` (code → difference) and `means` (name → difference, with its `languages`). A difference
        holds the fields of `Difference`, its `difference` and its `verdict`.

    Raises:
        ConfigError: there are fewer than two runs, or an option is unknown.
        DataError: the runs hold other rows, have no language in common, or lack the score.
    """
    if len(runs) < 2:
        raise ConfigError("A comparison needs the predictions of at least two systems. Name two folders.")
    if score not in SCORES:
        raise ConfigError(f"--score takes {' or '.join(SCORES)}, not '{score}'.")
    if rows not in ROWS:
        raise ConfigError(f"--rows takes {', '.join(ROWS)}, not '{rows}'.")
    first = runs[0].description
    codes = check_same_rows(runs)
    task = get_task(first.task)
    parallel = task.line_parallel if rows == "auto" else rows == "parallel"
    if parallel:
        check_parallel(runs[0], codes)
    names = name_systems(runs)
    right = [{code: answered_right(run, code, score, task) for code in codes} for run in runs]
    return {
        "task": task.name,
        "split": first.split,
        "score": score,
        "rows": "parallel" if parallel else "independent",
        "max_examples": first.max_examples,
        "data_seed": first.seed,
        "seed": seed,
        "resamples": RESAMPLES,
        "confidence": CONFIDENCE,
        "systems": names,
        "left_out": sorted({code for run in runs for code in run.languages} - set(codes)),
        "pairs": [
            {"a": names[i], "b": names[j], **_compare_pair(right[i], right[j], parallel=parallel, seed=seed)}
            for i, j in combinations(range(len(runs)), 2)
        ],
    }


def check_same_rows(runs: Sequence[PredictionRun]) -> list[str]:
    """Return the languages that all runs hold, if they hold the same rows of the same data there.

    Raises:
        DataError: they do not; the message names the difference.
    """
    first = runs[0]
    for other in runs[1:]:
        for name in SAME:
            mine, its = getattr(first.description, name), getattr(other.description, name)
            if mine != its:
                raise DataError(
                    f"{first.folder} and {other.folder} were not measured on the same rows: {name} is "
                    f"{mine!r} in the first and {its!r} in the second. Evaluate both with the same options."
                )
    codes = [code for code in first.languages if all(code in run.languages for run in runs)]
    if not codes:
        held = "; ".join(f"{run.folder}: {', '.join(run.languages)}" for run in runs)
        raise DataError(f"The runs have no language in common ({held}). Evaluate them in the same languages.")
    for other in runs[1:]:
        for code in codes:
            same_data = first.description.data[code] == other.description.data[code]
            if not same_data or _identity(first, code) != _identity(other, code):
                raise DataError(
                    f"{first.folder} and {other.folder} were measured on other texts in '{code}'. "
                    "Evaluate both on the same data folder."
                )
    return codes


def check_parallel(run: PredictionRun, codes: Sequence[str]) -> None:
    """Check that a run holds the same rows, with the same labels, in every language.

    Raises:
        DataError: it does not.
    """
    for code in codes[1:]:
        if _identity(run, code) != _identity(run, codes[0]):
            raise DataError(
                f"The rows of '{codes[0]}' and '{code}' in {run.folder} are not the same texts: row numbers "
                "or labels differ. Measure the same rows in every language, or choose --rows independent."
            )


def name_systems(runs: Sequence[PredictionRun]) -> list[str]:
    """Return a name for each run that no other has: its system's, or with its folder's where two share it."""
    systems = [run.description.system for run in runs]
    names = [
        system if systems.count(system) == 1 else f"{system} ({run.folder.name})"
        for system, run in zip(systems, runs, strict=True)
    ]
    if len(set(names)) < len(names):
        raise DataError(
            f"Two of the runs have the same name: {', '.join(names)}. Name each folder once, or rename one."
        )
    return names


def answered_right(run: PredictionRun, code: str, score: str, task: Task) -> np.ndarray:
    """Return (N,) booleans: which rows of a language were answered right.

    Raises:
        DataError: the run holds no written answers, and those are asked for.
    """
    if score not in run.description.scores:
        raise DataError(
            f"{run.folder} holds no answers for --score {score}, "
            f"only {' and '.join(run.description.scores)}. "
            "Evaluate again with both scores, or choose another --score."
        )
    return np.array([_is_right(row, score, task) for row in run.languages[code]], dtype=bool)


def _is_right(row: PredictionRow, score: str, task: Task) -> bool:
    if score == "likelihood":
        return row.label == row.gold
    return row.answer is not None and exact_match(row.answer, task.label_words[row.gold])


def _identity(run: PredictionRun, code: str) -> list[tuple[int, str]]:
    return [(row.row, row.gold) for row in run.languages[code]]


def _compare_pair(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], *, parallel: bool, seed: int
) -> dict[str, Any]:
    paired: dict[str, Paired] = {code: (a[code], b[code]) for code in a}
    languages = compare_languages(paired, seed=seed)
    means = {
        name: {"languages": codes}
        | _as_json(compare_mean([paired[code] for code in codes], parallel=parallel, seed=seed))
        for name, codes in groups_of(list(paired)).items()
    }
    return {"languages": {code: _as_json(found) for code, found in languages.items()}, "means": means}


def _as_json(found: Difference) -> dict[str, Any]:
    return {
        "n": found.n,
        "accuracy_a": found.accuracy_a,
        "accuracy_b": found.accuracy_b,
        "difference": found.difference,
        "interval": list(found.interval),
        "only_a": found.only_a,
        "only_b": found.only_b,
        "p_value": found.p_value,
        "adjusted_p_value": found.adjusted_p_value,
        "verdict": found.verdict,
    }
