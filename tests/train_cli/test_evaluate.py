import json
from pathlib import Path

import pytest
import torch

from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info, save_checkpoint
from fusion_demo.config import BridgeConfig, TrainConfig
from fusion_demo.evaluation import BridgeAnswerer, predict, read_run
from fusion_demo.evaluation.exact_match import normalise
from fusion_demo.frozen import FrozenModels
from fusion_demo.presets import PRESETS
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
def evaluate(monkeypatch, tmp_path, checkpoint, data):
    """Runs the command as the shell would, in a folder of its own; returns its exit status."""
    monkeypatch.chdir(tmp_path)

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


def test_table_is_printed_and_the_checkpoint_is_left_alone(evaluate, checkpoint, capsys):
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    assert evaluate("--languages", "si, ta") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("news, test split\n")
    assert "Sinhala (si)" in printed
    assert "English (en)" not in printed
    assert printed.endswith("\npredictions: runs/tiny/news-test-seed0-all\n")
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
        (
            ["--llm", "tiny:llm"],
            "--llm belongs to --baseline llm-alone or translation-pipeline. Leave it out.",
        ),
        (["--train-examples", "0"], "--train-examples belongs to --baseline linear-probe. Leave it out."),
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


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_predictions_hold_every_answer_of_the_bridge(evaluate, checkpoint):
    assert evaluate("--predictions", "kept", "--generate") == 0
    run = read_run(Path("kept"))
    assert (run.description.system, run.description.task, run.description.split) == ("tiny", "news", "test")
    assert run.description.scores == ("likelihood", "generation")
    bridge, task = load_checkpoint(checkpoint), get_task("news")
    frame = bridge.frame(task.instruction, task.bare_prompt)
    words = list(task.label_words.values())
    decoding = frame.answer_decoding(bridge.llm.tokenizer, words)
    for code, texts in TEXTS.items():
        assert [(row.row, row.gold) for row in run.languages[code]] == [
            (index, label) for index, (_, label) in enumerate(texts)
        ]
        for row, (text, _) in zip(run.languages[code], texts, strict=True):
            scores = bridge.score_labels([text], words, frame).log_likelihoods[0]
            assert row.log_likelihoods == pytest.approx(scores.tolist(), abs=1e-4)
            assert row.label == task.labels[scores.argmax()]
            assert row.answer == bridge.generate([text], frame, decoding)[0]


@pytest.fixture
def stop_after(monkeypatch):
    """Lets the bridge score so many batches, then interrupts it as Ctrl-C does; None lifts that."""
    score = BridgeAnswerer.score_labels

    def arrange(batches):
        done = []

        def limited(self, texts, task):
            if batches is not None and len(done) == batches:
                raise KeyboardInterrupt
            done.append(texts)
            return score(self, texts, task)

        monkeypatch.setattr(BridgeAnswerer, "score_labels", limited)
        return done

    return arrange


def test_a_stopped_evaluation_goes_on_to_the_same_bytes(evaluate, stop_after, monkeypatch, tmp_path):
    monkeypatch.setattr(predict, "WINDOW", 2)
    options = ("--predictions", "kept", "--output", "result.json", "--batch-size", 1)
    whole = tmp_path / "whole"
    whole.mkdir()
    monkeypatch.chdir(whole)
    batches = stop_after(None)
    assert evaluate(*options) == 0
    for stop in (0, 2, 4):
        stopped = tmp_path / f"stopped-{stop}"
        stopped.mkdir()
        monkeypatch.chdir(stopped)
        stop_after(stop)
        assert evaluate(*options) == 130
        assert not Path("result.json").exists()
        # A process that was killed may leave a line half written.
        for path in Path("kept").glob("*.jsonl"):
            path.write_bytes(path.read_bytes()[:-9])
        answered = stop_after(None)
        assert evaluate(*options) == 0
        assert len(answered) <= len(batches)
        assert files_of(Path("kept")) == files_of(whole / "kept")
        assert Path("result.json").read_bytes() == (whole / "result.json").read_bytes()


def test_a_finished_evaluation_asks_nothing_again(evaluate, stop_after, capsys):
    assert evaluate() == 0
    first = capsys.readouterr()
    stop_after(0)
    assert evaluate() == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert second.err == "6 of 6 answers were in runs/tiny/news-test-seed0-all already\n"


def test_languages_may_be_added_to_a_run(evaluate, stop_after):
    assert evaluate("--languages", "si") == 0
    asked = stop_after(None)
    assert evaluate("--languages", "si,ta") == 0
    assert asked == [[TEXTS["ta"][0][0]]]


def test_batch_size_changes_no_answer(evaluate):
    rows = []
    for size in (1, 2, 32):
        assert evaluate("--predictions", f"kept-{size}", "--batch-size", size, "--generate") == 0
        rows.append([row for part in read_run(Path(f"kept-{size}")).languages.values() for row in part])
    for first, *others in zip(*rows, strict=True):
        for other in others:
            assert (other.row, other.label, other.answer) == (first.row, first.label, first.answer)
            assert other.log_likelihoods == pytest.approx(first.log_likelihoods, abs=1e-4)


def test_another_checkpoint_of_the_same_name_is_not_mixed_in(evaluate, checkpoint, capsys):
    assert evaluate() == 0
    info, bridge = read_checkpoint_info(checkpoint), load_checkpoint(checkpoint)
    save_checkpoint(info, {name: value + 1 for name, value in bridge.trained_state().items()})
    assert evaluate() == 2
    error = capsys.readouterr().err
    assert "holds the predictions of another run: trained_tensors was" in error
    assert "rm -r runs/tiny/news-test-seed0-all" in error
    assert evaluate("--predictions", "kept") == 0


@pytest.mark.parametrize("options", [["--seed", 1, "--max-examples", 1], ["--split", "dev"]])
def test_other_samples_have_another_folder(evaluate, data, options):
    (data / "dev.si.jsonl").write_text(json.dumps({"text": "a", "label": "world"}), encoding="utf-8")
    assert evaluate() == 0
    try:
        assert evaluate(*options) == 0
    finally:
        (data / "dev.si.jsonl").unlink()
    assert len(list(Path("runs/tiny").iterdir())) == 2


def test_result_file_holds_all_scores(evaluate):
    assert evaluate("--generate", "--output", "result.json", "--record") == 0
    report = json.loads(Path("result.json").read_text(encoding="utf-8"))
    task = get_task("news")
    for code, rows in read_run(Path("runs/tiny/news-test-seed0-all")).languages.items():
        result = report["languages"][code]
        assert result["accuracy"] == sum(row.gold == row.label for row in rows) / len(rows)
        right = [normalise(row.answer) == task.label_words[row.gold] for row in rows]
        assert result["exact_match"]["accuracy"] == sum(right) / len(rows)
        for row in rows:
            assert result["confusion"][task.labels.index(row.gold)][task.labels.index(row.label)] > 0
        assert sum(map(sum, result["confusion"])) == len(rows)
    assert {"mean_macro_f1", "mean_exact_match", "groups"} <= set(report)
    assert report["groups"]["low-resource"]["languages"] == ["si", "ta"]


def test_confusion_matrices_are_printed_on_demand(evaluate, capsys):
    assert evaluate("--languages", "si") == 0
    assert "gold, then answered" not in capsys.readouterr().out
    assert evaluate("--languages", "si", "--confusion") == 0
    printed = capsys.readouterr().out
    assert "\nsi\ngold, then answered" in printed
    assert " 6. science and technology" in printed


def test_scores_that_overflow_are_refused(evaluate, capsys, monkeypatch):
    def overflow(self, texts, task):
        return torch.full((len(texts), len(task.labels)), float("nan"))

    monkeypatch.setattr(BridgeAnswerer, "score_labels", overflow)
    assert evaluate() == 2
    assert "The scores of text 2 are not numbers" in capsys.readouterr().err


def test_a_checkpoint_or_a_baseline_is_measured(data, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", "--data", str(data)])
    assert "one of the arguments --checkpoint --baseline is required" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", "--data", str(data), "--checkpoint", "x", "--baseline", "llm-alone"])
    assert "not allowed with argument" in capsys.readouterr().err
