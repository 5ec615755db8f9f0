"""The whole page: for each task its scores, comparisons, layers, how each system was made; then speed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion_demo.results.benchmarks import benchmark_sections
from fusion_demo.results.blocks import Block, Commands, Section
from fusion_demo.results.comparisons import comparison_blocks
from fusion_demo.results.files import broken
from fusion_demo.results.layers import layer_blocks
from fusion_demo.results.markdown import render_section
from fusion_demo.results.scores import Row, every_language, summary
from fusion_demo.results.systems import SPLITS, SystemResults
from fusion_demo.results.writing import writing_sections
from fusion_demo.tasks import TASKS

REMAKE = "python -m train_cli results"
TITLE = f"""# Results

Made by `{REMAKE}` from `checkpoints/*/metrics.json` and `docs/metrics/*.json`; do not edit by hand.
"""
INTRODUCTION = """\
All scores are in per cent. *Likelihood* is the accuracy of the most likely label, with its 95 % interval and
the number of texts. *Exact match* is the paper's score: the written answer is the right label's words and
nothing else. *Macro-F1* weighs all labels alike. All training is on English alone; every other language is
zero-shot.

Intervals of one language are Wilson's. Those of a mean add up the languages' own (Zou and Donner, 2008): they
speak of other texts in the same languages, not of other languages, and are too narrow where every row is the
same text in all languages (XNLI, SIB-200). Whether two systems differ is not to be read off these intervals,
but off the comparisons on the same rows. Trainings that differ in the seed alone have a row each and their
mean, with the lowest and the highest of them in place of an interval.
"""
COMPARED = """A mean over languages is tested by flipping signs, one language by McNemar's exact test with
Holm's correction over the languages. "Not separable" means that these texts cannot tell the two apart, not
that they are equal: see the interval.
"""


def render_results(sections: Sequence[Section]) -> str:
    """Return the page, as Markdown."""
    parts = [TITLE, INTRODUCTION, *map(render_section, sections)]
    if not sections:
        parts.append("Nothing has been measured yet.\n")
    return "\n".join(parts)


def results_sections(
    systems: Sequence[SystemResults],
    comparisons: Mapping[Path, Mapping[str, Any]] | None = None,
    layers: Mapping[Path, Mapping[str, Any]] | None = None,
    writing: Mapping[Path, Mapping[str, Any]] | None = None,
    benchmarks: Mapping[Path, Mapping[str, Any]] | None = None,
) -> list[Section]:
    """Return the sections: each task's scores, comparisons, layers and commands; free answers; speed.

    Args:
        systems: What was measured.
        comparisons: File → what `compare` wrote.
        layers: File → what `layers` wrote.
        writing: File → what `echo` and `chat` wrote.
        benchmarks: File → what `benchmark` wrote.
        benchmarks: File → what `benchmark` wrote.

    Raises:
        DataError: a file of metrics is damaged.
    """
    compared = _by_place(comparisons or {}, "compare")
    used = _by_place(layers or {}, "layers")
    sections: list[Section] = []
    for name, task in TASKS.items():
        rows = [row for row in systems if row.task == name and row.reports]
        for split in SPLITS:
            title = f"{task.title}, {split} split"
            measured = [row for row in rows if split in row.reports]
            if measured:
                sections.append(Section(title, _scores(measured, split)))
            found = compared.get((name, split), [])
            if found:
                blocks = [
                    block for path, comparison in found for block in comparison_blocks(path, comparison)
                ]
                sections.append(Section(f"{title}: differences on the same rows", [COMPARED, *blocks]))
        found = [pair for split in SPLITS for pair in used.get((name, split), [])]
        if found:
            blocks = [block for path, report in found for block in layer_blocks(path, report)]
            sections.append(Section(f"{task.title}: which layers are used", blocks))
        if rows:
            blocks = [block for row in rows for block in _provenance(row)]
            sections.append(Section(f"{task.title}: how each system was made", blocks))
    return [*sections, *writing_sections(writing or {}), *benchmark_sections(benchmarks or {})]


def with_means(systems: Sequence[SystemResults], split: str) -> list[Row]:
    """Return the rows of a split's tables, with the mean of each recipe's seeds behind the last of them."""
    rows: list[Row] = []
    for index, system in enumerate(systems):
        rows.append((system.system, [system.reports[split]["languages"]]))
        seeds = [other for other in systems if other.recipe and other.recipe == system.recipe]
        if len(seeds) > 1 and not any(other.recipe == system.recipe for other in systems[index + 1 :]):
            reports = [other.reports[split]["languages"] for other in seeds]
            rows.append((f"{system.recipe}, mean of {len(seeds)} seeds", reports))
    return rows


def _scores(measured: Sequence[SystemResults], split: str) -> list[Block]:
    rows = with_means(measured, split)
    tables = [summary(rows), every_language(rows, "accuracy"), every_language(rows, "exact_match")]
    return [table for table in tables if table]


def _by_place(
    files: Mapping[Path, Mapping[str, Any]], command: str
) -> dict[tuple[str, str], list[tuple[Path, Mapping[str, Any]]]]:
    """Sort files by the task and the split that they belong to."""
    places: dict[tuple[str, str], list[tuple[Path, Mapping[str, Any]]]] = {}
    for path, content in files.items():
        task, split = content.get("task"), content.get("split")
        if task not in TASKS or split not in SPLITS:
            raise broken(path, command)
        places.setdefault((task, split), []).append((path, content))
    return places


def _provenance(row: SystemResults) -> list[Block]:
    commands = [row.command, *(report.get("command", "") for report in row.reports.values())]
    made = f"**{row.system}** (`{row.source}`): {row.training}.\n"
    return [made, Commands([command for command in commands if command])]
