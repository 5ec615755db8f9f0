"""The curves of trainings as one plotly figure."""

from collections.abc import Callable, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fusion_demo.heatmap import FONTS
from fusion_demo.training_log import DevPoint, LossPoint, TrainingRun

UPDATES, MINUTES = "updates", "minutes"

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B0609A")
"""Of Okabe and Ito's palette for every kind of colour vision, those that stand out from white and from a dark
page by 3 : 1; the purple is a little darker than theirs."""
DASHES = ("solid", "dash", "dot")

WARM_START = "Warm start: loss"

MOST_POINTS = 1_000
"""Points drawn of one curve; of a longer one every second, third … is drawn, and always the last."""

PANEL_PIXELS, MARGIN_PIXELS = 260, 70

Curve = Sequence[tuple[int, float, float, str]]
"""Points of a curve: update, seconds, value, and what else the hover says."""


def training_figure(runs: Sequence[TrainingRun], axis: str = UPDATES) -> go.Figure | None:
    """Draw the losses and the dev results of trainings, one panel above the other; None if there are none.

    Args:
        runs: What is compared; each has one colour and dash in all panels.
        axis: `UPDATES`, counted anew in the warm start, or `MINUTES` of work, stops left out.
    """
    panels = [(title, curves) for title, read in PANELS.items() if any(curves := [read(run) for run in runs])]
    if not panels:
        return None
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        subplot_titles=[title for title, _ in panels],
        vertical_spacing=0.35 / len(panels),
    )
    named: set[str] = set()
    for row, (_, curves) in enumerate(panels, start=1):
        for number, (run, curve) in enumerate(zip(runs, curves, strict=True)):
            if curve:
                figure.add_trace(_line(run.name, number, curve, axis, run.name not in named), row=row, col=1)
                named.add(run.name)
    figure.update_xaxes(
        title_text=axis, rangemode="tozero", gridcolor="rgba(128,128,128,.25)", zeroline=False
    )
    if len(panels) > 1:
        for row, (title, _) in enumerate(panels, start=1):
            if axis == MINUTES or title != WARM_START:  # which counts its own updates
                figure.update_xaxes(matches=f"x{len(panels)}", row=row, col=1)
    figure.update_yaxes(gridcolor="rgba(128,128,128,.25)", zeroline=False)
    figure.update_annotations(font_size=14, xanchor="left", x=0)
    figure.update_layout(
        height=len(panels) * PANEL_PIXELS + MARGIN_PIXELS,
        margin={"l": 48, "r": 12, "t": 36, "b": 40},
        font={"family": ", ".join(FONTS), "size": 13},
        legend={"orientation": "h", "y": -0.28 / len(panels), "yanchor": "top", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        uirevision="kept",  # a new point leaves the reader's zoom and hidden curves as they are
    )
    return figure


def _line(name: str, number: int, curve: Curve, axis: str, in_legend: bool) -> go.Scatter:
    points = _thinned(curve)
    return go.Scatter(
        x=[update if axis == UPDATES else seconds / 60 for update, seconds, _, _ in points],
        y=[value for _, _, value, _ in points],
        mode="lines+markers" if len(points) <= 60 else "lines",
        line={
            "color": COLOURS[number % len(COLOURS)],
            "dash": DASHES[number // len(COLOURS) % len(DASHES)],
            "width": 2,
        },
        marker={"size": 6},
        customdata=[[update, seconds / 60, more] for update, seconds, _, more in points],
        hovertemplate=(
            "update %{customdata[0]:,}, minute %{customdata[1]:.1f}: "
            "<b>%{y:.4f}</b>%{customdata[2]}<extra></extra>"
        ),
        name=_plain(name),
        legendgroup=name,
        showlegend=in_legend,
    )


def _thinned(curve: Curve) -> Curve:
    step = -(-len(curve) // MOST_POINTS)
    return [*curve[:-1:step], *curve[-1:]]


def _losses(points: Sequence[LossPoint]) -> Curve:
    return [(point.update, point.seconds, point.loss, "") for point in points]


def _dev(measure: str, scale: float) -> Callable[[TrainingRun], Curve]:
    def read(run: TrainingRun) -> Curve:
        return [
            (point.update, point.seconds, scale * point.mean, _languages(point, scale))
            for point in run.dev
            if point.measure == measure
        ]

    return read


def _languages(point: DevPoint, scale: float) -> str:
    rows = [f"{_plain(code)} {scale * row[point.measure]:.2f}" for code, row in point.languages.items()]
    return f"<br>{', '.join(rows)}"


def _plain(text: str) -> str:
    """Keep plotly from reading marks in a name."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


PANELS: dict[str, Callable[[TrainingRun], Curve]] = {
    WARM_START: lambda run: _losses(run.warm_start),
    "Training: loss, nats a token": lambda run: _losses(run.training),
    "Dev: accuracy, %": _dev("accuracy", 100.0),
    "Dev: loss, nats a token": _dev("loss", 1.0),
}
"""Title of a panel → what it draws of a run, in order."""
