"""The curves of trainings: what is drawn is what was logged."""

import pytest

from fusion_demo.training_figure import COLOURS, MINUTES, MOST_POINTS, UPDATES, training_figure
from fusion_demo.training_log import DevPoint, LossPoint, TrainingRun


def run(name="news", **curves):
    return TrainingRun(name=name, state="running", **curves)


FIRST = run(
    warm_start=[LossPoint(50, 30.0, 2.0), LossPoint(100, 60.0, 1.5)],
    training=[LossPoint(10, 90.0, 0.5), LossPoint(20, 120.0, 0.25)],
    dev=[DevPoint(20, 120.0, {"en": {"accuracy": 0.8}, "si": {"accuracy": 0.6}})],
)
ECHO = run("echo <b>", training=[LossPoint(10, 60.0, 1.0)], dev=[DevPoint(10, 60.0, {"en": {"loss": 0.7}})])


def drawn(figure):
    """Title of a panel -> name -> points."""
    titles = [note.text for note in figure.layout.annotations]
    found = {title: {} for title in titles}
    for trace in figure.data:
        number = int((trace.xaxis or "x").removeprefix("x") or 1)
        found[titles[number - 1]][trace.name] = list(zip(trace.x, trace.y, strict=True))
    return found


def test_every_curve_is_drawn_in_its_panel():
    found = drawn(training_figure([FIRST, ECHO]))
    assert found == {
        "Warm start: loss": {"news": [(50, 2.0), (100, 1.5)]},
        "Training: loss, nats a token": {"news": [(10, 0.5), (20, 0.25)], "echo &lt;b>": [(10, 1.0)]},
        "Dev: accuracy, %": {"news": [(20, pytest.approx(70.0))]},
        "Dev: loss, nats a token": {"echo &lt;b>": [(10, 0.7)]},
    }


def test_minutes_of_work_may_stand_below_in_place_of_updates():
    found = drawn(training_figure([FIRST], MINUTES))
    assert found["Warm start: loss"]["news"] == [(0.5, 2.0), (1.0, 1.5)]
    assert found["Training: loss, nats a token"]["news"] == [(1.5, 0.5), (2.0, 0.25)]


def test_panels_share_their_axis_except_for_the_warm_starts_own_updates():
    layout = training_figure([FIRST], UPDATES).layout
    assert [layout.xaxis.matches, layout.xaxis2.matches, layout.xaxis3.matches] == [None, "x3", "x3"]
    layout = training_figure([FIRST], MINUTES).layout
    assert [layout.xaxis.matches, layout.xaxis2.matches, layout.xaxis3.matches] == ["x3", "x3", "x3"]


def test_a_run_has_one_colour_and_one_place_in_the_legend():
    figure = training_figure([FIRST, ECHO])
    colours = {
        trace.name: {t.line.color for t in figure.data if t.name == trace.name} for trace in figure.data
    }
    assert colours == {"news": {COLOURS[0]}, "echo &lt;b>": {COLOURS[1]}}
    assert sorted(trace.name for trace in figure.data if trace.showlegend) == ["echo &lt;b>", "news"]


def test_twelve_runs_can_be_told_apart():
    runs = [run(str(i), training=[LossPoint(1, 1.0, 1.0)]) for i in range(12)]
    looks = {(trace.line.color, trace.line.dash) for trace in training_figure(runs).data}
    assert len(looks) == 12


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("page", ["#ffffff", "#0b0f19"])
def test_curves_stand_out_from_a_light_and_a_dark_page(colour, page):
    low, high = sorted((luminance(colour), luminance(page)))
    assert (high + 0.05) / (low + 0.05) >= 3


def test_a_long_curve_is_thinned_and_keeps_its_last_point():
    long = run(training=[LossPoint(i, float(i), 1 / (i + 1)) for i in range(4_321)])
    (trace,) = training_figure([long]).data
    assert len(trace.x) <= MOST_POINTS + 1
    assert (trace.x[0], trace.x[-1]) == (0, 4_320)


def test_without_a_curve_there_is_no_figure():
    assert training_figure([]) is None
    assert training_figure([run()]) is None


def test_a_new_point_keeps_the_readers_zoom():
    assert training_figure([FIRST]).layout.uirevision == training_figure([ECHO]).layout.uirevision
