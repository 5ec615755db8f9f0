"""Layer profiles over one another, and the masking of one text, as figures of the page.

Colours are of Okabe and Ito (2008), safe for colour-blind readers, those that are seen on white and on a dark
page; dashes and marks tell the lines apart without them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fusion_demo.heatmap import FONTS
from fusion_demo.languages import LANGUAGES
from fusion_demo.layer_use.lines import add_line

COLOURS = ("rgb(0, 114, 178)", "rgb(213, 94, 0)", "rgb(0, 158, 115)", "rgb(204, 121, 167)")
DASHES = ("solid", "dash")
SYMBOLS = ("circle", "square", "diamond", "triangle-up")
MAX_PROFILES = len(COLOURS) * len(DASHES)
"""More lines than this cannot be told apart."""

PANELS = {"weights": "weight α", "shares": "contribution α · ‖h‖, share of all layers"}
PANEL_PIXELS = 270
GRID = "rgba(128, 128, 128, 0.3)"


@dataclass(frozen=True)
class Profile:
    """How much of each layer goes into a language, or into a text.

    Attributes:
        title: What it is called.
        weights: L mean weights α.
        shares: L contributions α · ‖h‖, as shares of all layers.
        weights_interval: Low and high of the weights, if they are known.
        shares_interval: Low and high of the contributions, if they are known.
    """

    title: str
    weights: Sequence[float]
    shares: Sequence[float]
    weights_interval: Sequence[Sequence[float]] | None = None
    shares_interval: Sequence[Sequence[float]] | None = None


def language_profiles(report: Mapping[str, Any], codes: Sequence[str]) -> list[Profile]:
    """Return the profiles of some languages of a report of `layers`, in their order there.

    Args:
        report: From `read_layer_report`.
        codes: Codes of languages; those that the report does not have are passed over.
    """
    return [
        Profile(
            LANGUAGES[code].english_name,
            use["weights"],
            use["shares"],
            use["weights_interval"],
            use["shares_interval"],
        )
        for code, use in report["languages"].items()
        if code in codes
    ]


def profiles_figure(layers: Sequence[int], profiles: Sequence[Profile]) -> go.Figure:
    """Draw the weights of profiles over one another, and below them the contributions.

    Args:
        layers: Numbers of the L layers; 0: the embedding output.
        profiles: At most `MAX_PROFILES`.
    """
    figure = make_subplots(
        rows=len(PANELS), cols=1, subplot_titles=list(PANELS.values()), vertical_spacing=0.16
    )
    names = layer_ticks(layers)
    for number, profile in enumerate(profiles):
        for row, panel in enumerate(PANELS, start=1):
            add_line(
                figure,
                row,
                names,
                getattr(profile, panel),
                getattr(profile, f"{panel}_interval"),
                title=profile.title,
                colour=COLOURS[number % len(COLOURS)],
                group=str(number),
                in_legend=row == 1,
                dash=DASHES[number // len(COLOURS) % len(DASHES)],
                symbol=SYMBOLS[number % len(SYMBOLS)],
            )
    figure.update_yaxes(rangemode="tozero")
    return _on_the_page(figure, "layer", len(PANELS) * PANEL_PIXELS)


def masking_figure(summary: Mapping[str, Any]) -> go.Figure:
    """Draw how the log-likelihood of a text's answer changes with the number of masked layers.

    Args:
        summary: From `summarise_masking`.
    """
    figure = make_subplots(rows=1, cols=1)
    rows = summary["masked"]
    names = [str(row["k"]) for row in rows]
    intervals = [row["random_interval"] for row in rows]
    lines = (
        ("most-used layers masked", [row["change"] for row in rows], None),
        (
            "random layers masked, mean",
            [row["random_change"] for row in rows],
            None if None in intervals else list(zip(*intervals, strict=True)),
        ),
    )
    for number, (title, values, interval) in enumerate(lines):
        add_line(
            figure,
            1,
            names,
            values,
            interval,
            title=title,
            colour=COLOURS[1 - number],
            group=str(number),
            dash=DASHES[number],
            symbol=SYMBOLS[number],
        )
    figure.update_yaxes(title_text="change, nats", rangemode="tozero")
    return _on_the_page(figure, "layers masked", PANEL_PIXELS + 40)


def layer_ticks(layers: Sequence[int]) -> list[str]:
    """Return the layers' names on an axis. Example: (0, 1) -> ["emb.", "1"]."""
    return [str(layer) if layer else "emb." for layer in layers]


def _on_the_page(figure: go.Figure, below: str, height: int) -> go.Figure:
    """Give a figure the page's own ground, and its width, which it takes from its place."""
    figure.update_xaxes(type="category", title_text=below, fixedrange=True, gridcolor=GRID, title_standoff=4)
    figure.update_yaxes(fixedrange=True, gridcolor=GRID, zerolinecolor=GRID)
    return figure.update_layout(
        height=height + 60,
        margin={"l": 56, "r": 16, "t": 40, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": ", ".join(FONTS), "size": 13},
        legend={"orientation": "h", "y": 1.08, "yanchor": "bottom", "x": 0},
        hovermode="closest",
        dragmode=False,
    )
