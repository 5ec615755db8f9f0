"""Tables of scores: one row per system, and one per language."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from fusion_demo.comparison.groups import groups_of
from fusion_demo.evaluation import mean_accuracy, percent
from fusion_demo.languages import LANGUAGES
from fusion_demo.results.blocks import MISSING, Cell, Table

SCORES = {"accuracy": "likelihood", "exact_match": "exact match", "macro_f1": "macro-F1"}
"""Scores of a report → their names in the tables: accuracy of the most likely label, and so on."""

TITLES = {
    "all": "mean of all {}",
    "all but English": "mean of all {} but English",
    "xnli": "mean of {} XNLI",
    "indic": "mean of {} Indic",
    "low-resource": "mean of {} low-resource",
}
"""Sets of languages → titles of their columns."""

Languages = Mapping[str, Mapping[str, Any]]
Row = tuple[str, Sequence[Languages]]
"""Name of a system, and its languages' scores: one entry, or one for each seed of a recipe."""


def cell(result: Mapping[str, Any]) -> Cell:
    """Return an accuracy as the tables show it.

    Example: 0.8 of 500 texts, interval 0.763 to 0.833 -> "80.0 (76.3–83.3; n 500)".
    """
    low, high = result["interval"]
    text = f"{percent(result['accuracy'])} ({percent(low)}–{percent(high)}; n {result['n']:,})"
    return Cell(text, result["accuracy"])


def score_cell(languages: Languages, score: str, codes: Sequence[str]) -> Cell:
    """Return the mean of a score over languages; missing unless every one of them has it."""
    if not _has(languages, score, codes):
        return MISSING
    if score == "macro_f1":
        mean = _mean(languages, score, codes)
        return Cell(percent(mean), mean)
    return cell(mean_accuracy([_result(languages[code], score) for code in codes]))


def seeds_cell(seeds: Sequence[Languages], score: str, codes: Sequence[str]) -> Cell:
    """Return the mean of a score over seeds, with the lowest and the highest of them.

    Example: two seeds at 0.80 and 0.82 -> "81.0 (80.0–82.0 of 2 seeds)".
    """
    if not all(_has(languages, score, codes) for languages in seeds):
        return MISSING
    values = [_mean(languages, score, codes) for languages in seeds]
    mean, low, high = fmean(values), min(values), max(values)
    return Cell(f"{percent(mean)} ({percent(low)}–{percent(high)} of {len(values)} seeds)", mean)


def summary(rows: Sequence[Row]) -> Table:
    """Return a table with a row per system and score: English, means over all languages and over groups."""
    columns = column_groups(languages_of(rows))
    body = [
        [name, title, *(_any_cell(seeds, score, codes) for codes in columns.values())]
        for name, seeds in rows
        for score, title in SCORES.items()
        if any(_has(languages, score, [code]) for languages in seeds for code in languages)
    ]
    return Table("Summary", ["system", "score", *columns], body)


def every_language(rows: Sequence[Row], score: str) -> Table | None:
    """Return a table with a row per language and a column per system; none if no system has the score."""
    rows = [
        (name, seeds)
        for name, seeds in rows
        if any(_has(languages, score, [code]) for languages in seeds for code in languages)
    ]
    body = [
        [LANGUAGES[code].english_name, *(_any_cell(seeds, score, [code]) for _, seeds in rows)]
        for code in languages_of(rows)
    ]
    if not rows:
        return None
    title = SCORES[score]
    caption = "Exact match of the written answers:" if score == "exact_match" else ""
    return Table(
        f"{title[0].upper()}{title[1:]} by language", ["language", *(name for name, _ in rows)], body, caption
    )


def column_groups(codes: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of the summary: title → languages. A set of languages stands there once.

    Example: English, Hindi and Sinhala -> "English", "mean of all 3", "mean of all 2 but English",
    "Sinhala"; Hindi alone -> "Hindi".
    """
    found = {"English": ["en"]} if "en" in codes else {}
    for name, members in groups_of(codes).items():
        found[TITLES[name].format(len(members))] = members
    if "si" in codes or len(codes) == 1:
        code = "si" if "si" in codes else codes[0]
        found[LANGUAGES[code].english_name] = [code]
    return found


def languages_of(rows: Sequence[Row]) -> list[str]:
    """Return the languages that any of the systems was measured in, in the order of their English names."""
    codes = {code for _, seeds in rows for languages in seeds for code in languages}
    return sorted(codes, key=lambda code: LANGUAGES[code].english_name)


def _any_cell(seeds: Sequence[Languages], score: str, codes: Sequence[str]) -> Cell:
    return score_cell(seeds[0], score, codes) if len(seeds) == 1 else seeds_cell(seeds, score, codes)


def _has(languages: Languages, score: str, codes: Sequence[str]) -> bool:
    return all(code in languages and score in languages[code] for code in codes)


def _result(language: Mapping[str, Any], score: str) -> Mapping[str, Any]:
    return language[score] if score == "exact_match" else language


def _mean(languages: Languages, score: str, codes: Sequence[str]) -> float:
    if score == "macro_f1":
        return fmean(languages[code][score] for code in codes)
    return fmean(_result(languages[code], score)["accuracy"] for code in codes)
