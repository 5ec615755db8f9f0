import json

import pytest

from fusion_demo.layer_use import layer_use_figure


def use(first):
    weights = [first, 1 - first]
    return {
        "n": 5,
        "weights": weights,
        "weights_interval": [[w - 0.1 for w in weights], [w + 0.1 for w in weights]],
        "shares": weights[::-1],
        "shares_interval": [weights[::-1], weights[::-1]],
    }


def change(value):
    return {"change": [value], "interval": [[value - 1], [value + 1]]}


@pytest.fixture
def report():
    return {
        "checkpoint": "news-first",
        "task": "news",
        "split": "dev",
        "layers": [0, 1],
        "languages": {"en": use(0.3), "si": use(0.6)},
        "faithfulness": {
            "masked": 1,
            "mean": {"n": 10, "most_used": change(-2.0), "random": change(-0.5), "gap": change(-1.5)},
        },
    }


def lines(figure, axis):
    return {trace.name: trace for trace in figure.data if trace.yaxis == axis and trace.hoverinfo != "skip"}


def bands(figure, axis):
    return {trace.name: trace for trace in figure.data if trace.yaxis == axis and trace.hoverinfo == "skip"}


def test_each_language_has_a_line_and_a_band_in_both_panels(report):
    figure = layer_use_figure(report)
    weights, shares = lines(figure, "y"), lines(figure, "y2")
    assert list(weights) == list(shares) == ["English", "Sinhala"]
    assert list(weights["Sinhala"].x) == ["embeddings", "1"]
    assert list(weights["Sinhala"].y) == [0.6, 0.4]
    assert list(shares["Sinhala"].y) == [0.4, 0.6]
    band = bands(figure, "y")["Sinhala"]
    assert list(band.y) == pytest.approx([0.7, 0.5, 0.3, 0.5])
    assert list(band.x) == ["embeddings", "1", "1", "embeddings"]
    assert weights["English"].line.color != weights["Sinhala"].line.color


def test_a_language_stands_in_the_legend_once_and_hides_as_one(report):
    figure = layer_use_figure(report)
    for code, name in (("en", "English"), ("si", "Sinhala")):
        traces = [trace for trace in figure.data if trace.name == name]
        assert {trace.legendgroup for trace in traces} == {code}
        assert sum(trace.showlegend for trace in traces) == 1


def test_third_panel_shows_the_masking(report):
    found = lines(layer_use_figure(report), "y3")
    assert {name: list(trace.y) for name, trace in found.items()} == {
        "most-used layers masked": [-2.0],
        "random layers masked": [-0.5],
    }


def test_without_masking_there_are_two_panels(report):
    report["faithfulness"] = None
    figure = layer_use_figure(report)
    assert lines(figure, "y3") == {}
    assert len(figure.layout.annotations) == 2


def test_figure_is_json_and_titled(report):
    figure = json.loads(layer_use_figure(report).to_json())
    assert figure["layout"]["title"]["text"] == "news-first: news, dev split"
