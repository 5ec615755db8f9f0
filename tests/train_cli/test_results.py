import json
from pathlib import Path

import pytest

from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import save_checkpoint
from fusion_demo.config import PRESETS, BridgeConfig, TrainConfig
from fusion_demo.evaluation import build_report, score_language
from train_cli.__main__ import main
from train_cli.results import SystemResults, cell, read_systems, render_results

ROOT = Path(__file__).parents[2]


def scored(correct, n=100):
    return score_language(["a"] * n, ["a"] * correct + ["b"] * (n - correct))


def report(split="test", **correct):
    languages = {code: scored(number) for code, number in correct.items()}
    return build_report("news", split, languages) | {"command": f"evaluate --split {split}"}


@pytest.fixture
def folders(tmp_path):
    """Two checkpoints without tensors and a probe's metrics file."""
    for name, metrics in {
        "news-transformer-softmax": {"test": report(en=90, hi=60, si=50, ta=70)},
        "news-last-layer": {"test": report(en=80, hi=50, si=40), "dev": report("dev", en=81)},
    }.items():
        info = CheckpointInfo(
            folder=tmp_path / "checkpoints" / name,
            task="news",
            bridge=BridgeConfig(**PRESETS["tiny"], fusion=name.removeprefix("news-")),
            training=TrainConfig(seed=4),
            command=f"train {name}",
            data={"description": "sentences", "licence": "none", "licence_id": "other"},
            fingerprints={"encoder": "0", "llm": "0"},
            metrics={"training": {"examples": 18_000, "updates": 1125}, **metrics},
        )
        save_checkpoint(info, {})
    probe = {
        "system": "linear probe",
        "task": "news",
        "command": "probe it",
        "seed": 0,
        "encoder": {"encoder_prefix": "query: "},
        "training": {"examples": 18_000, "standardised": True, "inverse_regularisation": 0.1},
        "test": report(en=88, hi=65, si=71, ta=60),
    }
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "news-linear-probe.json").write_text(json.dumps(probe), encoding="utf-8")
    return tmp_path


def results(folders, *options):
    return main(
        [
            "results",
            f"--checkpoints={folders / 'checkpoints'}",
            f"--metrics={folders / 'metrics'}",
            f"--output={folders / 'results.md'}",
            *options,
        ]
    )


def rows_of(page, heading):
    """Return the tables below a heading as lists of cells."""
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [
        [part.strip() for part in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|") and "---" not in line
    ]


def test_cell_is_the_docstrings_worked_example():
    assert cell({"accuracy": 0.8, "n": 500, "interval": [0.763, 0.833]}) == "80.0 (76.3–83.3; n 500)"


def test_summary_has_a_row_a_system_in_the_order_of_the_fusions(folders):
    assert results(folders) == 0
    rows = rows_of((folders / "results.md").read_text(encoding="utf-8"), "News topic, test split")
    assert rows[0] == ["system", "English", "mean of 2 Indic", "Sinhala", "mean of all 3 but English"]
    assert [row[0] for row in rows[1:4]] == ["last-layer", "transformer-softmax", "linear probe"]
    assert rows[2][1] == cell(scored(90))
    assert rows[2][2].startswith("65.0 (")
    assert rows[2][2].endswith("n 200)")
    assert rows[3][3] == "71.0 (61.5–79.0; n 100)"


def test_mean_over_languages_that_were_not_all_measured_is_missing(folders):
    results(folders)
    rows = rows_of((folders / "results.md").read_text(encoding="utf-8"), "News topic, test split")
    assert rows[1][2] == "–"  # last-layer was not measured in Tamil


def test_second_table_has_every_language_by_its_name(folders):
    results(folders)
    rows = rows_of((folders / "results.md").read_text(encoding="utf-8"), "News topic, test split")[4:]
    assert rows[0] == ["language", "last-layer", "transformer-softmax", "linear probe"]
    assert [row[0] for row in rows[1:]] == ["English", "Hindi", "Sinhala", "Tamil"]
    assert rows[4] == ["Tamil", "–", cell(scored(70)), cell(scored(60))]


def test_page_says_how_each_system_was_made(folders):
    results(folders)
    page = (folders / "results.md").read_text(encoding="utf-8")
    assert (
        "**last-layer** (`checkpoints/news-last-layer`): last-layer fusion, 18,000 English examples, "
        "1,125 updates, seed 4.\n\n"
        "    train news-last-layer\n    evaluate --split test\n    evaluate --split dev\n"
    ) in page
    assert "standardised features and C = 0.1" in page
    assert "    probe it\n" in page


def test_check_passes_on_a_fresh_page_and_fails_on_a_stale_one(folders, capsys):
    assert results(folders, "--check") == 2
    assert not (folders / "results.md").exists()
    assert results(folders) == 0
    assert results(folders, "--check") == 0
    path = folders / "metrics" / "news-linear-probe.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8")
    capsys.readouterr()
    assert results(folders, "--check") == 2
    assert "results.md is not up to date. Run `python -m train_cli results`." in capsys.readouterr().err


def test_without_results_the_page_says_so(tmp_path):
    assert results(tmp_path) == 0
    assert "Nothing has been measured yet." in (tmp_path / "results.md").read_text(encoding="utf-8")


def test_checkpoint_that_was_not_measured_is_left_out(folders):
    path = folders / "checkpoints" / "news-last-layer" / "metrics.json"
    path.write_text('{"training": {"examples": 5}}', encoding="utf-8")
    assert results(folders) == 0
    page = (folders / "results.md").read_text(encoding="utf-8")
    assert "last-layer" not in page
    assert "transformer-softmax" in page


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"system": "x", "training": 1}', '{"training": {"standardised": true}}'],
)
def test_damaged_metrics_file_is_named(folders, content, capsys):
    (folders / "metrics" / "broken.json").write_text(content, encoding="utf-8")
    assert results(folders) == 2
    assert "broken.json is no metrics file of `probe`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damaged",
    [[], {"languages": []}, {"languages": {"xx": scored(1)}}, {"languages": {"si": {"accuracy": 1}}}],
)
def test_damaged_report_is_named(folders, damaged, capsys):
    path = folders / "checkpoints" / "news-last-layer" / "metrics.json"
    path.write_text(json.dumps({"test": damaged}), encoding="utf-8")
    assert results(folders) == 2
    assert "metrics.json: 'test' is no result of `evaluate`" in capsys.readouterr().err


def test_columns_without_a_measurement_are_left_out():
    system = SystemResults("probe", "docs/metrics/a.json", "news", {"test": report(si=3)}, "by hand", "run")
    rows = rows_of(render_results([system]), "News topic, test split")
    assert rows[0] == ["system", "Sinhala", "mean of all 1 but English"]


def test_committed_page_is_up_to_date():
    page = render_results(read_systems(ROOT / "checkpoints", ROOT / "docs" / "metrics"))
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == page
