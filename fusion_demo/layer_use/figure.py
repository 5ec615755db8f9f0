"""Layer use and layer faithfulness as one plotly figure."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from fusion_demo.heatmap import COLOUR_SCALE, FONTS
from fusion_demo.languages import LANGUAGES
from fusion_demo.layer_use.lines import add_line

PANELS = {"weights": "mean layer weight α", "shares": "contribution α · ‖h‖, share of all layers"}
CHANGES = {
    "most_used": ("most-used layers masked", 0.15),
    "random": ("random layers masked", 0.7),
}
"""Curve of the faithfulness panel → its title and its place on the colour scale."""

SCALE_END = 0.9
"""The brightest yellow of the colour scale is hard to see on white."""

PANEL_PIXELS, WIDTH_PIXELS = 380, 900


def layer_use_figure(report: Mapping[str, Any]) -> go.Figure:
    """Draw a line per language over the layers, with its bootstrap band, and the change of the answer.

    A click on a language in the legend hides it in both panels.

    Args:
        report: What `python -m train_cli layers` writes.
    """
    faithfulness = report["faithfulness"]
    titles = list(PANELS.values())
    if faithfulness:
        titles.append("change of the right answer's log-likelihood, nats, mean over languages")
    figure = make_subplots(rows=len(titles), cols=1, subplot_titles=titles, vertical_spacing=0.09)
    names = [str(layer) if layer else "embeddings" for layer in report["layers"]]
    codes = list(report["languages"])
    for number, code in enumerate(codes):
        colour = _colour(SCALE_END * number / max(1, len(codes) - 1))
        for row, panel in enumerate(PANELS, start=1):
            use = report["languages"][code]
            add_line(
                figure,
                row,
                names,
                use[panel],
                use[f"{panel}_interval"],
                title=LANGUAGES[code].english_name,
                colour=colour,
                group=code,
                in_legend=row == 1,
            )
        figure.update_xaxes(type="category", title_text="layer", row=1, col=1)
        figure.update_xaxes(type="category", title_text="layer", row=2, col=1)
    if faithfulness:
        masked = [str(k) for k in range(1, faithfulness["masked"] + 1)]
        for curve, (title, place) in CHANGES.items():
            found = faithfulness["mean"][curve]
            add_line(
                figure,
                3,
                masked,
                found["change"],
                found["interval"],
                title=title,
                colour=_colour(place),
                group=curve,
            )
        figure.update_xaxes(type="category", title_text="layers masked", row=3, col=1)
    figure.update_yaxes(rangemode="tozero", gridcolor="#e5e5e5")
    figure.update_layout(
        title={"text": f"{report['checkpoint']}: {report['task']}, {report['split']} split"},
        width=WIDTH_PIXELS,
        height=len(titles) * PANEL_PIXELS,
        font={"family": ", ".join(FONTS), "size": 13},
        plot_bgcolor="white",
        hovermode="closest",
    )
    return figure


def _colour(place: float) -> str:
    return sample_colorscale(COLOUR_SCALE, [place])[0]
