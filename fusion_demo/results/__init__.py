"""The results: metrics files → tables of scores, comparisons, layers, free answers and speed.

The tables are plain values (`Section`, `Table`, `Cell`); docs/results.md with the pages below docs/results/,
and the tab Results render them.
"""

from pathlib import Path

from fusion_demo.results.benchmarks import render_benchmark
from fusion_demo.results.blocks import Block, Cell, Commands, Picture, Section, Table
from fusion_demo.results.files import read_benchmarks, read_comparisons, read_layer_reports, read_writing
from fusion_demo.results.page import INTRODUCTION, READING, REMAKE, render_pages, results_sections
from fusion_demo.results.systems import SystemResults, read_systems

__all__ = [
    "INTRODUCTION",
    "READING",
    "REMAKE",
    "Block",
    "Cell",
    "Commands",
    "Picture",
    "Section",
    "SystemResults",
    "Table",
    "read_benchmarks",
    "read_comparisons",
    "read_layer_reports",
    "read_results",
    "read_systems",
    "read_writing",
    "render_benchmark",
    "render_pages",
    "results_sections",
]


def read_results(checkpoints: Path, metrics: Path) -> list[Section]:
    """Return all that was measured, as sections, those of the overview first; none if nothing was.

    Args:
        checkpoints: Folder with one checkpoint a subfolder; it may be missing.
        metrics: Folder of all other metrics files; it may be missing.

    Raises:
        CheckpointError: a checkpoint is damaged.
        DataError: a metrics file is damaged.
    """
    return results_sections(
        read_systems(checkpoints, metrics),
        read_comparisons(metrics),
        read_layer_reports(metrics),
        read_writing(metrics),
        read_benchmarks(metrics),
    )
