"""What the training loop draws, how far it steps, and when it ends."""

import pytest
import torch

from fusion_demo.bridge import FusionBridge
from tests.train_cli.tiny_training import arguments, log_lines
from train_cli.__main__ import main


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
