"""The pages: an overview with a table a task, and for each task a page with all the rest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion_demo.results.benchmarks import benchmark_sections
from fusion_demo.results.blocks import Block, Commands, Picture, Section
from fusion_demo.results.comparisons import comparison_blocks
from fusion_demo.results.files import broken
from fusion_demo.results.layer_picture import layer_picture
from fusion_demo.results.layers import layer_blocks
from fusion_demo.results.markdown import render_section
from fusion_demo.results.overview import overview_table
from fusion_demo.results.scores import Row, every_language, summary
from fusion_demo.results.systems import SPLITS, SystemResults
from fusion_demo.results.writing import writing_sections
from fusion_demo.tasks import TASKS

REMAKE = "python -m train_cli results"
MADE = f"""\
Made by `{REMAKE}` from `checkpoints/*/metrics.json` and `docs/metrics/*.json`; do not edit by hand.
"""
INTRODUCTION = """\
A bridge joins a frozen encoder, which reads many languages, to a frozen English language model (LLM), which
answers. All was trained on English alone; in every other language the system never saw a text (*zero-shot*).
Scores are per cent of texts with the right label. In brackets: where the true figure lies with 95 %
confidence, given how few texts were read. A *seed* is one training; another seed is the same with other
random numbers. A row is the mean of a system's seeds, and its brackets go from the lowest end to the highest.

- *last-layer*, *global-softmax*, *transformer-softmax*: bridges. They hand over the encoder's last layer
  alone; a mix of all its layers, the same for every text; a mix that is chosen for each token (piece of a
  word).
- *linear-probe*: a plain classifier on the same encoder, without any LLM. What a bridge has to beat where
  only the label matters.
- *llm-alone*: the LLM reads the foreign text itself. What a bridge has to beat in any case.

*Against* another system: both answered the same texts, and their means over all languages but English are
compared. *Better* and *worse* are said only where a paired test at the 5 % level and the interval of the
difference agree; the differences, one a seed, are in percentage points. *Not separable* means that these
texts cannot tell the two apart, not that they are equal.
"""
READING = """\
*Likelihood* is the accuracy of the most likely label, with its 95 % interval and the number of texts. *Exact
match* is the paper's score: the written answer is the right label's words and nothing else. *Macro-F1* weighs
all labels alike.

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
LAYERS = "Which layers are used"
WEIGHTS = """\
How much of each encoder layer goes into what the LLM reads, by language. Layer 1 is next to the text.
"""


def render_pages(sections: Sequence[Section], folder: str = "results") -> dict[str, str]:
    """Return the files: name → text. The overview, below it each task's page, and the pictures.

    Args:
        sections: What the pages hold.
        folder: Name of the overview, and of the folder of all other files beside it.

    Example: scores of news -> {"results.md": …, "results/news.md": …}.
    """
    pages = list(dict.fromkeys(section.page for section in sections if not section.overview))
    parts = ["# Results\n", MADE, INTRODUCTION]
    for section in (section for section in sections if section.overview):
        parts.append(render_section(section, folder))
        if section.page in pages:
            link = f"{folder}/{section.page}.md"
            parts.append(f"All figures behind it, and the commands that made them: [{link}]({link}).\n")
    if not sections:
        parts.append("Nothing has been measured yet.\n")
    files = {f"{folder}.md": "\n".join(parts)}
    for page in pages:
        title = TASKS[page].title if page in TASKS else page.capitalize()
        found = [section for section in sections if section.page == page and not section.overview]
        back = f"The overview is [{folder}.md](../{folder}.md).\n"
        reading = [READING] if any(section.heading.endswith(" split") for section in found) else []
        parts = [f"# {title}: all figures\n", MADE, back, *reading, *map(render_section, found)]
        files[f"{folder}/{page}.md"] = "\n".join(parts)
    pictures = [block for section in sections for block in section.blocks if isinstance(block, Picture)]
    return files | {f"{folder}/{picture.name}": picture.svg for picture in pictures}


def results_sections(
    systems: Sequence[SystemResults],
    comparisons: Mapping[Path, Mapping[str, Any]] | None = None,
    layers: Mapping[Path, Mapping[str, Any]] | None = None,
    writing: Mapping[Path, Mapping[str, Any]] | None = None,
    benchmarks: Mapping[Path, Mapping[str, Any]] | None = None,
) -> list[Section]:
    """Return the sections: first those of the overview, then the details task by task.

    Args:
        systems: What was measured.
        comparisons: File → what `compare` wrote.
        layers: File → what `layers` wrote.
        writing: File → what `echo` and `chat` wrote.
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
            found = compared.get((name, split), [])
            blocks = [block for path, comparison in found for block in comparison_blocks(path, comparison)]
            if measured:
                if not any(section.overview and section.page == name for section in sections):
                    table = overview_table(measured, split, [comparison for _, comparison in found])
                    sections.append(Section(task.title, [_read_texts(measured, split), table], name, True))
                sections.append(Section(title, _scores(measured, split), name))
            if found:
                heading = f"{title}: differences on the same rows"
                sections.append(Section(heading, [COMPARED, *blocks], name))
        found = [pair for split in SPLITS for pair in used.get((name, split), [])]
        if found:
            blocks = [block for path, report in found for block in layer_blocks(path, report)]
            sections.append(Section(f"{task.title}: which layers are used", blocks, name))
        if rows:
            blocks = [block for row in rows for block in _provenance(row)]
            sections.append(Section(f"{task.title}: how each system was made", blocks, name))
    sections += writing_sections(writing or {})
    reports = [report for report in (layers or {}).values() if report["languages"] and report["layers"]]
    if reports:
        text = "Heat maps: languages by encoder layers"
        drawing = Picture("layers.svg", text, layer_picture(reports))
        sections.append(Section(LAYERS, [WEIGHTS, drawing], overview=True))
    sections += benchmark_sections(benchmarks or {})
    return sorted(sections, key=lambda section: not section.overview)


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


def _read_texts(measured: Sequence[SystemResults], split: str) -> str:
    """Return how many texts a language were read. Example: "Test split, 204 texts a language."."""
    numbers = {result["n"] for system in measured for result in system.reports[split]["languages"].values()}
    least, most = min(numbers, default=0), max(numbers, default=0)
    many = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    return f"{split.capitalize()} split, {many} texts a language.\n"


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
