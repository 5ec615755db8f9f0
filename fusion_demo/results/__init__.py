"""The results page: metrics files → Markdown tables of scores, comparisons and layers."""

from fusion_demo.results.files import read_comparisons, read_layer_reports
from fusion_demo.results.page import REMAKE, render_results
from fusion_demo.results.systems import SystemResults, read_systems

__all__ = [
    "REMAKE",
    "SystemResults",
    "read_comparisons",
    "read_layer_reports",
    "read_systems",
    "render_results",
]
