"""Tables of what is written freely: echoes, and answers to messages."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from fusion_demo.evaluation import chat, echo
from fusion_demo.languages import LANGUAGES
from fusion_demo.results.blocks import MISSING, Cell, Commands, Section, Table
from fusion_demo.results.files import broken

MEASURES = {"echo": echo.MEASURES, "chat": chat.MEASURES}
SEED = re.compile(r"-seed-?\d+(,|$)")
"""The part of a checkpoint's name that tells its seed, with what follows."""
DECIMALS = {"divergence": 2}
"""Measures that are no percentages."""

TITLES = {
    "chrf": "chrF",
    "bleu": "BLEU",
    "recall": "content words found",
    "retrieval": "retrieved",
    "vector_retrieval": "retrieved by vector",
    "agreement": "agreement (chrF)",
    "divergence": "divergence (nats a token)",
    "reference": "reference (chrF)",
}
HEADINGS = {"echo": "Understood as: the echo", "chat": "Chat: answers to messages"}
CELLS = "Each cell: English / mean of the other languages / Sinhala, where measured.\n"
INTRODUCTIONS = {
    "echo": """\
The LLM is asked to repeat in English what the bridge hands over: how much of a foreign sentence arrives? Its
echo is held against the English sentence of the same line. *chrF* and *BLEU* (by sacrebleu) compare letters
and words, 100 is the same sentence; *content words found* are those of the English sentence in the echo;
*retrieved* is how often the echo is closer (chrF) to its own sentence than to every other, *by vector* the
same by the encoder's sentence vectors. Best of n: of n echoes the one whose vector is nearest to the foreign
text's. English is the ceiling, the LLM that reads the foreign text itself the floor. All in per cent.
""",
    "chat": """\
How near do the answers to foreign messages come to the LLM's own answers to the same messages in English?
*Agreement* is their likeness in letters (chrF, 100 is the same answer); *divergence* is how far the LLM's
expectation of each next token is from its own (KL divergence, 0 is the same). *Reference* and *content words
found* compare with the data's own answers, which the LLM itself seldom finds: see its figures for English.
""",
}


def writing_sections(reports: Mapping[Path, Mapping[str, Any]]) -> list[Section]:
    """Return the sections that show what `echo` and `chat` wrote: an overview, and the details.

    Raises:
        DataError: a file is no result of theirs.
    """
    sections = []
    for task, measures in MEASURES.items():
        found = {path: report for path, report in reports.items() if path.name.startswith(f"{task}-")}
        rows = [_row(path, task, report) for path, report in found.items()]
        if rows:
            there = {name for _, languages in rows for scores in languages.values() for name in scores}
            shown = [name for name in measures if name in there]
            tables = [_summary(rows, measures), *(_languages(rows, name) for name in shown)]
            commands = Commands([report["command"] for report in found.values()])
            blocks = [INTRODUCTIONS[task], CELLS, _overview(rows, shown)]
            sections.append(Section(HEADINGS[task], blocks, task, overview=True))
            sections.append(Section(f"{HEADINGS[task]}, language by language", [*tables, commands], task))
    return sections


def _overview(rows: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]], measures: Sequence[str]) -> Table:
    """A row a system, the mean of its seeds, and a column a measure."""
    seeds: dict[str, list[Mapping[str, Mapping[str, Any]]]] = {}
    for system, languages in rows:
        seeds.setdefault(SEED.sub(r"\1", system), []).append(languages)
    body = []
    for system, members in seeds.items():
        codes = {code for languages in members for code in languages if code != "en"}
        number = max((members[0][code]["n"] for code in codes if code in members[0]), default=0)
        cells = []
        for name in measures:
            means = [_mean(members, group, name) for group in ({"en"}, codes, {"si"})]
            texts = [MISSING if mean is None else _shown(mean, name) for mean in means]
            cells.append(Cell(" / ".join(texts), means[1]))
        seen = f"{len(codes)} × {number:,}"
        body.append([system, *cells, seen, Cell(str(len(members)), len(members))])
    header = ["system", *(TITLES[name] for name in measures), "languages × texts", "seeds"]
    return Table("Overview", header, body)


def _mean(members: Sequence[Mapping[str, Mapping[str, Any]]], codes: set[str], name: str) -> float | None:
    """Return a measure's mean over seeds and languages; None unless all of them have it."""
    if not codes or any(name not in languages.get(code, {}) for languages in members for code in codes):
        return None
    return fmean(languages[code][name] for languages in members for code in codes)


def _row(path: Path, task: str, report: Mapping[str, Any]) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
    """Return a system's name and its languages' scores."""
    try:
        if report["task"] != task or not isinstance(report["command"], str):
            raise ValueError
        for code, scores in report["languages"].items():
            if code not in LANGUAGES:
                raise ValueError
            f"{scores['n']:,}".join(_shown(scores[name], name) for name in MEASURES[task] if name in scores)
        best_of = f", best of {report['best_of']:d}" if "best_of" in report else ""
        return f"{report.get('checkpoint') or report['system']}{best_of}", report["languages"]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise broken(path, task) from None


def _summary(rows: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]], measures: Sequence[str]) -> Table:
    """A row per system and measure: English, the mean of the others, Sinhala, and how many texts."""
    body = []
    for system, languages in rows:
        foreign = [scores for code, scores in languages.items() if code != "en"]
        for name in measures:
            if any(name not in scores for scores in languages.values()):
                continue
            body.append(
                [
                    system,
                    TITLES[name],
                    _cell(languages, "en", name),
                    _shown(fmean(scores[name] for scores in foreign), name) if foreign else MISSING,
                    _cell(languages, "si", name),
                    f"{len(foreign)} × {max((scores['n'] for scores in foreign), default=0):,}",
                ]
            )
    return Table("Summary", ["system", "measure", "English", "mean of the others", "Sinhala", "n"], body)


def _languages(rows: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]], name: str) -> Table:
    codes = {code for _, languages in rows for code in languages}
    body = [
        [LANGUAGES[code].english_name, *(_cell(languages, code, name) for _, languages in rows)]
        for code in sorted(codes, key=lambda code: LANGUAGES[code].english_name)
    ]
    title = TITLES[name]
    header = ["language", *(system for system, _ in rows)]
    return Table(f"{title} by language", header, body, f"{title}:")


def _cell(languages: Mapping[str, Mapping[str, Any]], code: str, name: str) -> Cell:
    return _shown(languages[code][name], name) if name in languages.get(code, {}) else MISSING


def _shown(value: float, name: str) -> Cell:
    return Cell(f"{value:.{DECIMALS.get(name, 1)}f}", value)
