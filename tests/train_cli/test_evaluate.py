import json

import pytest

from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info, save_checkpoint
from fusion_demo.config import PRESETS, BridgeConfig, TrainConfig
from fusion_demo.frozen import FrozenModels
from fusion_demo.tasks import get_task
from train_cli.__main__ import main

TEXTS = {
    "en": [
        ("The team won again", "sports"),
        ("Shares fall sharply", "business"),
        ("New school opens", "world"),
    ],
    "si": [("කණ්ඩායම ජය ගනී", "sports"), ("රටවල් දෙකක් එකඟ වේ", "world")],
    "ta": [("அணி வெற்றி பெற்றது", "sports")],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for code, rows in TEXTS.items():
        lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in rows]
        (folder / f"test.{code}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def checkpoint(tmp_path):
    """An untrained bridge between the tiny models, saved as a checkpoint for news."""
    config = BridgeConfig(**PRESETS["tiny"])
    models = FrozenModels()
    task = get_task("news")
    info = CheckpointInfo(
        folder=tmp_path / "tiny",
        task="news",
        bridge=config,
        training=TrainConfig(),
        command="python -m train_cli train",
        data={"description": task.data, "licence": task.licence, "licence_id": task.licence_id},
        fingerprints=models.fingerprints(config),
        metrics={"training": {"examples": 0}},
    )
    save_checkpoint(info, models.build(config).trained_state())
    return info.folder


@pytest.fixture
def evaluate(monkeypatch, checkpoint, data):
    """Runs the command as the shell would; returns its exit status."""

    def run(*options):
        argv = ["evaluate", "--checkpoint", str(checkpoint), "--data", str(data), *map(str, options)]
        monkeypatch.setattr("sys.argv", ["train_cli", *argv])
        return main(argv)

    return run


def test_result_file_holds_what_the_bridge_answers(evaluate, checkpoint, tmp_path):
    output = tmp_path / "new" / "result.json"
    assert evaluate("--output", output) == 0
    report = json.loads(output.read_text(encoding="utf-8"))
    assert (report["task"], report["split"], report["checkpoint"]) == ("news", "test", "tiny")

    bridge, task = load_checkpoint(checkpoint), get_task("news")
    frame = bridge.frame(task.instruction, task.bare_prompt)
    accuracies = {}
    for code, rows in TEXTS.items():
        right = 0
        for text, label in rows:
            scores = bridge.score_labels([text], list(task.label_words.values()), frame)
            right += task.labels[scores.log_likelihoods[0].argmax()] == label
        accuracies[code] = right / len(rows)
        assert report["languages"][code]["accuracy"] == accuracies[code]
        assert report["languages"][code]["n"] == len(rows)
    assert report["mean"] == pytest.approx(sum(accuracies.values()) / 3)


def test_table_is_printed_and_nothing_is_written_unless_asked(evaluate, checkpoint, capsys):
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    assert evaluate("--languages", "si, ta") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("news, test split\n")
    assert "Sinhala (si)" in printed
    assert "English (en)" not in printed
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before


def test_record_keeps_the_report_with_its_command_in_the_checkpoint(evaluate, checkpoint):
    assert evaluate("--record", "--max-examples", 1, "--seed", 3) == 0
    metrics = read_checkpoint_info(checkpoint).metrics
    assert metrics["training"] == {"examples": 0}
    assert list(metrics["test"]["languages"]) == ["en", "si", "ta"]
    assert [row["n"] for row in metrics["test"]["languages"].values()] == [1, 1, 1]
    assert metrics["test"]["seed"] == 3
    assert metrics["test"]["command"].startswith("python -m train_cli evaluate --checkpoint ")
    assert metrics["test"]["command"].endswith("--record --max-examples 1 --seed 3")
    assert "Sinhala" in (checkpoint / "README.md").read_text(encoding="utf-8")


def test_record_of_another_task_is_refused(evaluate, capsys):
    assert evaluate("--record", "--task", "sib200") == 2
    assert "--record keeps results of the checkpoint's own task 'news'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--languages", "si,kk"], "Unknown language 'kk'. Available: en, si, ta."),
        (["--split", "dev"], "holds no dev.<language>.jsonl"),
        (["--split", "train"], "--split takes dev or test"),
        (["--task", "new"], "Unknown task 'new'. Did you mean 'news'?"),
        (["--task", "sib200"], "Unknown label 'business'"),
        (["--task", "sentiment"], "is answered by checkpoints of 'reviews'; tiny is one of 'news'"),
        (["--device", "warp"], "There is no device 'warp' here"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(evaluate, capsys, options, message):
    assert evaluate(*options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--max-examples=-1", "--batch-size=0", "--seed=x", "--output=."])
def test_values_that_cannot_be_are_refused_at_once(evaluate, option, capsys):
    with pytest.raises(SystemExit, match="2"):
        evaluate(option)
    assert option.split("=")[0] in capsys.readouterr().err
