import json

import pytest

from fusion_demo.comparison.systems import compare_runs
from fusion_demo.evaluation.predictions import PredictionRow, RunDescription, open_run, read_run
from fusion_demo.tasks import get_task
from train_cli.__main__ import main

LABELS = get_task("sib200").labels


def write_run(folder, system, marks):
    """Write a finished run: language code -> string of "1" where the answer is right."""
    rows = {
        code: [
            PredictionRow(
                row=number,
                gold=LABELS[0],
                label=LABELS[mark == "0"],
                log_likelihoods=(-0.1,) * len(LABELS),
            )
            for number, mark in enumerate(text)
        ]
        for code, text in marks.items()
    }
    description = RunDescription(
        system=system,
        task="sib200",
        split="test",
        seed=0,
        max_examples=0,
        scores=("likelihood",),
        labels=LABELS,
        details={},
        data={code: {"rows": len(found), "sha256": "ab"} for code, found in rows.items()},
        command="evaluate",
    )
    with open_run(folder, description) as run:
        for code, found in rows.items():
            run.append(code, found)


@pytest.fixture
def folders(tmp_path):
    write_run(tmp_path / "a", "sib200-a", {"si": "1111111100", "ta": "1111110000"})
    write_run(tmp_path / "b", "sib200-b", {"si": "0000001100", "ta": "1110000001"})
    return tmp_path / "a", tmp_path / "b"


def test_table_is_printed_and_the_file_holds_what_was_found(folders, tmp_path, capsys, monkeypatch):
    argv = ["compare", *map(str, folders), "--seed", "2", "--output", str(tmp_path / "new" / "compare.json")]
    monkeypatch.setattr("sys.argv", ["train_cli", *argv])
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("sib200, test split, score: likelihood, rows of the languages: parallel\n")
    assert "A = sib200-a\nB = sib200-b\n" in printed
    found = json.loads((tmp_path / "new" / "compare.json").read_text(encoding="utf-8"))
    assert found.pop("command") == f"python -m train_cli {' '.join(argv)}"
    assert found == json.loads(json.dumps(compare_runs([read_run(folder) for folder in folders], seed=2)))


def test_options_reach_the_comparison(folders, capsys):
    assert main(["compare", *map(str, folders), "--rows", "independent"]) == 0
    assert "rows of the languages: independent" in capsys.readouterr().out
    assert main(["compare", *map(str, folders), "--score", "generation"]) == 2
    assert "holds no answers for --score generation" in capsys.readouterr().err


def test_a_folder_without_a_run_is_named(folders, tmp_path, capsys):
    assert main(["compare", str(folders[0]), str(tmp_path / "none")]) == 2
    assert "There is no folder of predictions" in capsys.readouterr().err


def test_one_folder_is_too_few(folders, capsys):
    assert main(["compare", str(folders[0])]) == 2
    assert "at least two systems" in capsys.readouterr().err
