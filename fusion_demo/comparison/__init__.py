"""Comparing systems on the same rows: differences, intervals, tests and verdicts."""

from fusion_demo.comparison.systems import ROWS, SCORES, compare_runs
from fusion_demo.comparison.table import format_comparison

__all__ = ["ROWS", "SCORES", "compare_runs", "format_comparison"]
