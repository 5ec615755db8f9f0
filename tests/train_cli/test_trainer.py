"""What the training loop draws, how far it steps, and when it ends."""

import json

import pytest
import torch
from safetensors.torch import load_file

from fusion_demo.bridge import FusionBridge
from fusion_demo.checkpoint import read_checkpoint_info
from tests.train_cli.tiny_training import arguments, log_lines
from train_cli.__main__ import main
from train_cli.trainer import Trainer


def test_each_update_draws_its_own_dropout_between_the_two_given(data, tmp_path, monkeypatch):
    drawn = []
    forward = FusionBridge.forward

    def noted(self, *texts, disturbance, **options):
        drawn.append(disturbance.dropout)
        return forward(self, *texts, disturbance=disturbance, **options)

    monkeypatch.setattr(FusionBridge, "forward", noted)
    options = ("--soft-token-dropout", "0.2", "--soft-token-dropout-max", "0.9")
    assert main(arguments(data, tmp_path / "bridge", *options)) == 0
    assert len(set(drawn)) == len(drawn) == 11
    assert 0.2 <= min(drawn) < 0.45
    assert 0.65 < max(drawn) <= 0.9


def test_the_learning_rate_rises_and_falls(data, tmp_path):
    step = torch.optim.AdamW.step
    collected = []

    def spy(self, *a, **k):
        collected.append([group["lr"] for group in self.param_groups])
        return step(self, *a, **k)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", spy)
        options = ("--epochs", "4", "--warmup-fraction", "0.25", "--fusion-learning-rate", "0.001")
        assert main(arguments(data, tmp_path / "bridge", *options)) == 0
    projection = [rates[-1] for rates in collected]
    fusion = [rates[0] for rates in collected]
    assert len(collected) == 44
    assert projection[0] == pytest.approx(0.01 / 11)
    assert max(projection) == projection[10] == pytest.approx(0.01)
    assert projection[-1] < 0.01 * 0.01
    assert fusion == pytest.approx([rate / 10 for rate in projection])


def test_patience_ends_a_training_without_gain(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "train_cli.trainer.evaluate_dev",
        lambda *_: ((0.5, -1.0), {"en": {"accuracy": 0.5, "n": 9, "interval": [0.2, 0.8]}}),
    )
    options = ("--evaluations", "6", "--patience", "2", "--epochs", "2")
    assert main(arguments(data, tmp_path / "bridge", *options)) == 0
    assert "no gain in 2 evaluations: stopped" in capsys.readouterr().out
    assert [line["update"] for line in log_lines(tmp_path / "bridge") if "dev" in line] == [4, 7, 11]


UNDISTURBED = ("--fusion-dropout", "0", "--soft-token-dropout", "0", "--evaluations", "1")


def write_answers_of_unlike_length(data, rows):
    """Labels of 9 and of 25 tokens, so that a mean over examples is not one over tokens."""
    labels = ("sports", "science and technology")
    for split, number in (("train", rows), ("dev", 4)):
        lines = [{"text": f"story {i} " * (1 + i % 2), "label": labels[i * i % 3 % 2]} for i in range(number)]
        (data / f"{split}.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("rows", [2, 7])
@pytest.mark.parametrize(("size", "steps"), [(1, 4), (3, 2)])
@pytest.mark.parametrize("task", [(), ("--task", "echo")])
def test_accumulated_steps_learn_what_one_step_learns(data, tmp_path, rows, size, steps, task):
    """A last update of fewer examples among them."""
    write_answers_of_unlike_length(data, rows)
    losses = []
    update = Trainer.update

    def noted(self, model):
        losses.append(update(self, model))
        return losses[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "update", noted)
        for name, batch, accumulated in (("one", size * steps, 1), ("many", size, steps)):
            sizes = ("--batch-size", str(batch), "--gradient-accumulation", str(accumulated))
            assert main(arguments(data, tmp_path / name, *UNDISTURBED, *task, *sizes)) == 0
    half = len(losses) // 2
    assert half == -(-rows // (size * steps))
    assert losses[:half] == pytest.approx(losses[half:], abs=1e-5)
    one, many = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "many"))
    for name in one:
        torch.testing.assert_close(one[name], many[name], atol=1e-4, rtol=1e-3)
    for folder in (tmp_path / "one", tmp_path / "many"):
        assert read_checkpoint_info(folder).metrics["training"]["examples"] == rows
