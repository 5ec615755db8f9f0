import json

import numpy as np
import pytest

from fusion_demo.checkpoint import load_checkpoint
from fusion_demo.data import read_languages
from fusion_demo.layer_use import (
    measure_faithfulness,
    measure_layer_use,
    summarise_faithfulness,
    summarise_layer_use,
)
from fusion_demo.tasks import get_task
from train_cli.__main__ import main
from train_cli.layers import draw_rows

TEXTS = {
    "en": [("The team won again", "sports"), ("Shares fall", "business"), ("A new school", "education")],
    "si": [("කණ්ඩායම ජය ගනී", "sports"), ("රටවල් දෙකක් එකඟ වේ", "world"), ("කොටස්", "business")],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for code, rows in TEXTS.items():
        lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in rows]
        (folder / f"dev.{code}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def layers(monkeypatch, tiny_checkpoints, data):
    """Runs the command as the shell would; returns its exit status."""

    def run(name, *options):
        argv = [
            "layers",
            "--checkpoint",
            str(tiny_checkpoints / name),
            "--data",
            str(data),
            *map(str, options),
        ]
        monkeypatch.setattr("sys.argv", ["train_cli", *argv])
        return main(argv)

    return run


def test_file_holds_what_the_library_measures(layers, tiny_checkpoints, data, tmp_path):
    output = tmp_path / "new" / "layers.json"
    options = ("--masked", 2, "--masked-examples", 2, "--draws", 2, "--seed", 1)
    assert layers("news-second", *options, "--output", output) == 0
    report = json.loads(output.read_text(encoding="utf-8"))
    assert (report["checkpoint"], report["fusion"], report["split"]) == (
        "news-second",
        "transformer-softmax",
        "dev",
    )
    assert report["command"].startswith("python -m train_cli layers --checkpoint ")

    bridge, task = load_checkpoint(tiny_checkpoints / "news-second"), get_task("news")
    assert report["layers"] == bridge.fusion.layers
    examples = read_languages(data, task, "dev", [])
    found = {}
    for code, rows in examples.items():
        use = measure_layer_use(bridge, [row.text for row in rows], batch_size=32)
        for name, value in summarise_layer_use(use, seed=1).items():
            assert np.array(report["languages"][code][name]) == pytest.approx(np.array(value), abs=1e-6)
        found[code] = measure_faithfulness(
            bridge, task, draw_rows(rows, 2, 1), masked=2, draws=2, batch_size=32, seed=1
        )
    expected = summarise_faithfulness(found, parallel=False, seed=1)
    assert report["faithfulness"]["rows"] == "independent"
    for curve in ("most_used", "random", "gap"):
        assert report["faithfulness"]["mean"][curve]["change"] == pytest.approx(
            expected["mean"][curve]["change"], abs=1e-4
        )
    assert report["faithfulness"]["languages"]["si"]["n"] == 2


def test_drawn_rows_are_the_same_places_in_every_language_and_in_order():
    one, other = (draw_rows([f"{code}{n}" for n in range(100)], 10, seed=3) for code in ("si", "ta"))
    places = [int(row[2:]) for row in one]
    assert [int(row[2:]) for row in other] == places == sorted(set(places))
    assert places != list(range(10))
    assert draw_rows(["a", "b"], 5, seed=0) == ["a", "b"]


def test_tables_are_printed(layers, capsys):
    assert layers("news-second", "--masked", 1, "--draws", 1, "--languages", "si") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("news-second (transformer-softmax): news, dev split\n")
    assert "weight %" in printed
    assert "contribution %" in printed
    assert "Sinhala (si)" in printed
    assert "English" not in printed
    assert "when k layers are masked" in printed


def test_last_layer_is_measured_without_masking_and_says_so(layers, tmp_path, capsys):
    output = tmp_path / "layers.json"
    assert layers("news-first", "--output", output) == 0
    assert "last-layer uses one layer only: there is nothing to mask" in capsys.readouterr().out
    report = json.loads(output.read_text(encoding="utf-8"))
    assert report["faithfulness"] is None
    assert report["languages"]["si"]["weights"] == [0.0] * (len(report["layers"]) - 1) + [1.0]


def test_masking_the_last_layer_alone_is_refused_when_asked_for(layers, capsys):
    assert layers("news-first", "--masked", 1) == 2
    assert "only one layer is used" in capsys.readouterr().err


def test_masking_can_be_left_out(layers, capsys):
    assert layers("news-second", "--masked", 0) == 0
    assert "masked" not in capsys.readouterr().out


@pytest.mark.parametrize(("suffix", "begins"), [(".html", "<html>"), (".json", '{"data":')])
def test_figure_is_written_in_the_form_that_its_name_asks_for(layers, tmp_path, suffix, begins):
    path = tmp_path / f"figure{suffix}"
    assert layers("news-second", "--masked", 0, "--figure", path) == 0
    content = path.read_text(encoding="utf-8")
    assert content.startswith(begins)
    assert "Sinhala" in content
    # The page must open without a network.
    assert suffix == ".json" or (
        "Plotly.newPlot" in content and "cdn.plot.ly" not in content.split("<body>")[0]
    )


def test_figure_of_another_kind_is_refused(layers, capsys):
    with pytest.raises(SystemExit):
        layers("news-second", "--figure", "figure.png")
    assert "must end in .html or .json" in capsys.readouterr().err


def test_a_folder_without_the_split_is_named(layers, capsys):
    assert layers("news-second", "--split", "test") == 2
    assert "test.<language>.jsonl" in capsys.readouterr().err
