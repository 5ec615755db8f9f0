"""The results page: metrics files → Markdown tables of scores, comparisons, layers and free answers."""

from fusion_demo.results.files import read_comparisons, read_layer_reports, read_writing
from fusion_demo.results.page import REMAKE, render_results
from fusion_demo.results.systems import SystemResults, read_systems

__all__ = [
    "REMAKE",
    "SystemResults",
    "read_comparisons",
    "read_layer_reports",
    "read_systems",
    "read_writing",
    "render_results",
]
