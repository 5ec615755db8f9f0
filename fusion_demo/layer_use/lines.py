"""A line over the layers, with the band of its interval."""

from collections.abc import Sequence

import plotly.graph_objects as go

BAND_OPACITY = 0.15


def add_line(
    figure: go.Figure,
    row: int,
    x: Sequence[str],
    y: Sequence[float],
    interval: Sequence[Sequence[float]] | None,
    *,
    title: str,
    colour: str,
    group: str,
    in_legend: bool = True,
    dash: str = "solid",
    symbol: str = "circle",
) -> None:
    """Add a line to one row of a figure's panels and, behind it, the band between low and high.

    Args:
        figure: From plotly's `make_subplots`, with one column.
        row: Number of the panel, from 1.
        x: N names of layers.
        y: N values.
        interval: Low and high, N values each; None: there is no band.
        title: What the legend calls the line.
        colour: As "rgb(0, 0, 0)".
        group: Lines of one group are hidden by the same entry of the legend.
        in_legend: Whether this line has that entry.
        dash: plotly's name of the line's dashes.
        symbol: plotly's name of the marks.
    """
    numbers = "%{x}: <b>%{y:.4f}</b>"
    bounds = None
    if interval is not None:
        low, high = interval
        bounds = list(zip(low, high, strict=True))
        numbers += " (%{customdata[0]:.4f} to %{customdata[1]:.4f})"
        band = go.Scatter(
            x=[*x, *reversed(x)],
            y=[*high, *reversed(low)],
            mode="lines",
            fill="toself",
            fillcolor=colour.replace("rgb(", "rgba(").replace(")", f", {BAND_OPACITY})"),
            line={"width": 0},
            hoverinfo="skip",
            legendgroup=group,
            showlegend=False,
            name=title,
        )
        figure.add_trace(band, row=row, col=1)
    line = go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": colour, "dash": dash},
        marker={"symbol": symbol, "size": 7},
        customdata=bounds,
        hovertemplate=numbers,
        legendgroup=group,
        showlegend=in_legend,
        name=title,
    )
    figure.add_trace(line, row=row, col=1)
