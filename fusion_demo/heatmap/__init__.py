"""Tokens and layer weights as a heatmap: a plotly figure, colours for the text, a table, files to keep."""

from fusion_demo.heatmap.export import heatmap_csv, heatmap_html, heatmap_json
from fusion_demo.heatmap.figure import COLUMN_PIXELS, FONTS, layer_heatmap
from fusion_demo.heatmap.graphemes import graphemes, same_grapheme, shortened
from fusion_demo.heatmap.grouping import group_graphemes, group_words, most_used_layer, text_profile
from fusion_demo.heatmap.labels import LABEL_GRAPHEMES, UNKNOWN_MARK, layer_name
from fusion_demo.heatmap.scales import COLOUR_SCALE, DIFFERENCE, WEIGHT, Scale, cell_colours
from fusion_demo.heatmap.table import Columns, heatmap_table

__all__ = [
    "COLOUR_SCALE",
    "COLUMN_PIXELS",
    "DIFFERENCE",
    "FONTS",
    "LABEL_GRAPHEMES",
    "UNKNOWN_MARK",
    "WEIGHT",
    "Columns",
    "Scale",
    "cell_colours",
    "graphemes",
    "group_graphemes",
    "group_words",
    "heatmap_csv",
    "heatmap_html",
    "heatmap_json",
    "heatmap_table",
    "layer_heatmap",
    "layer_name",
    "most_used_layer",
    "same_grapheme",
    "shortened",
    "text_profile",
]
