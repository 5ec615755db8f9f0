"""A training whose numbers are no longer finite stops, says why and where, and keeps what was good."""

import json

import pytest
import torch

from fusion_demo.bridge import FusionBridge
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info
from fusion_demo.pretrained.tiny import build_tiny_llm
from tests.train_cli.tiny_training import LABELS, arguments
from train_cli.__main__ import main

PAIRS = ("--warm-start-epochs", "1", "--sentence-token")


@pytest.fixture
def sentences(tmp_path):
    folder = tmp_path / "sentences"
    folder.mkdir()
    lines = [{"text": f"{LABELS[i % 3]} story number {i}"} for i in range(40)]
    (folder / "train.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def overflowing_llm(tmp_path):
    """An LLM whose feed-forward parts give finite numbers above 65,504, float16's largest."""
    model, tokenizer = build_tiny_llm()
    with torch.no_grad():
        for layer in model.model.layers:
            layer.mlp.down_proj.weight.mul_(30_000)
            layer.mlp.up_proj.weight.mul_(100)
    model.save_pretrained(tmp_path / "llm")
    tokenizer.save_pretrained(tmp_path / "llm")
    return str(tmp_path / "llm")


def poison(monkeypatch, word, *, gradient_only=False):
    """Let the loss, or its gradient alone, be no number wherever a text holds a word."""
    forward = FusionBridge.forward

    def poisoned(self, texts, *given, **options):
        loss = forward(self, texts, *given, **options)
        if not any(word in text for text in texts):
            return loss
        bad = self.projection.boundary.sum() * 0.0
        return loss + (torch.sqrt(bad) if gradient_only else bad * float("nan"))

    monkeypatch.setattr(FusionBridge, "forward", poisoned)


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def check_json(folder):
    for name in ("metrics.jsonl", "status.json", "metrics.json"):
        if (folder / name).exists():
            text = (folder / name).read_text()
            for part in text.splitlines() if name.endswith("l") else [text]:
                json.loads(part, parse_constant=refuse)


@pytest.mark.parametrize("more", [(), ("--fusion-learning-rate", "1e12", "--learning-rate", "1e-3")])
def test_too_high_a_learning_rate_is_named(sentences, tmp_path, capsys, more):
    output = tmp_path / "echo"
    options = ("--task", "echo", "--dev-examples", "8", "--learning-rate", "1e12", *more)
    assert main(arguments(sentences, output, *options)) == 2
    error = capsys.readouterr().err
    assert "is not finite, at row " in error
    assert "Look at the learning rate: give a smaller --learning-rate" in error
    assert "There is no checkpoint" in error
    assert not (output / "config.json").exists()
    status = json.loads((output / "status.json").read_text())
    assert status["state"] == "failed"
    assert "learning rate" in status["problem"]
    check_json(output)


def test_a_warm_start_names_its_own_learning_rate(data, tmp_path, capsys):
    options = ("--task", "echo", "--warm-start-epochs", "3", "--warm-start-learning-rate", "1e29")
    for split, rows in (("train", 40), ("dev", 8)):
        lines = [json.dumps({"text": f"{LABELS[i % 3]} story {i}"}) for i in range(rows)]
        (data / f"{split}.en.jsonl").write_text("\n".join(lines))
    assert main(arguments(data, tmp_path / "bridge", *options)) == 2
    assert "give a smaller --warm-start-learning-rate" in capsys.readouterr().err
    check_json(tmp_path / "bridge")


def test_an_llm_that_overflows_in_float16_is_named_and_trains_in_float32(
    sentences, tmp_path, overflowing_llm, capsys
):
    options = ("--task", "echo", "--dev-examples", "8", "--llm", overflowing_llm, "--epochs", "1")
    assert main(arguments(sentences, tmp_path / "half", *options, "--dtype", "float16")) == 2
    error = capsys.readouterr().err
    assert "not finite in this number format (--dtype)" in error
    assert main(arguments(sentences, tmp_path / "whole", *options, "--learning-rate", "1e-5")) == 0


def test_an_update_that_overflows_in_float16_names_the_dtype(sentences, tmp_path, monkeypatch, capsys):
    forward = FusionBridge.forward

    def overflowing(self, *given, **options):
        return (
            forward(self, *given, **options) * (1e38 if self.llm.model.dtype == torch.float16 else 1.0) * 10
        )

    monkeypatch.setattr(FusionBridge, "forward", overflowing)
    options = ("--task", "echo", "--dev-examples", "8", "--epochs", "1", "--dtype", "float16")
    assert main(arguments(sentences, tmp_path / "half", *options)) == 2
    error = capsys.readouterr().err
    assert "update 1 is not finite" in error
    assert "Look at the dtype: float16 overflows here" in error


def test_label_anchors_that_overflow_name_the_dtype(data, tmp_path, monkeypatch, capsys):
    answer_loss = FusionBridge.answer_loss
    monkeypatch.setattr(
        FusionBridge, "answer_loss", lambda *given: answer_loss(*given) * torch.tensor(float("inf"))
    )
    assert main(arguments(data, tmp_path / "bridge", *PAIRS)) == 2
    assert "Look at the dtype: give --dtype bfloat16 or float32" in capsys.readouterr().err


@pytest.mark.parametrize("gradient_only", [False, True])
def test_a_row_that_is_no_number_is_named_and_what_was_good_is_kept(
    data, tmp_path, tiny_models, monkeypatch, capsys, gradient_only
):
    output = tmp_path / "bridge"
    whole = arguments(data, output, "--evaluations", "1", "--seed", "5")
    poison(monkeypatch, "story 31", gradient_only=gradient_only)
    assert main(whole) == 2
    error = capsys.readouterr().err
    assert f"The {'gradient' if gradient_only else 'loss (nan)'} of update" in error
    assert "at row 31 ('politics story 31')" in error
    assert "Look at the data" in error
    made = read_checkpoint_info(output).metrics["training"]["updates"]
    assert 0 < made < 11
    assert f"The checkpoint of update {made} is kept in {output}" in error
    assert all(
        value.isfinite().all() for value in load_checkpoint(output, tiny_models).trained_state().values()
    )
    check_json(output)
    monkeypatch.undo()  # whatever it was, it is gone
    assert main([*whole, "--resume"]) == 0
    assert f"resumed at update {made} of 11" in capsys.readouterr().out


def test_a_dev_result_that_is_no_number_ends_a_training_and_is_no_best(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "train_cli.trainer.evaluate_dev", lambda *_: ((0.5, float("nan")), {"en": {"accuracy": 0.5, "n": 9}})
    )
    assert main(arguments(data, tmp_path / "bridge")) == 2
    assert "The dev loss is not a number" in capsys.readouterr().err
    assert not (tmp_path / "bridge" / "config.json").exists()
