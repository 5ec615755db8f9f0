import math

import pytest
import torch
from torch import nn

from fusion_demo.config import TrainConfig
from fusion_demo.fusion import GlobalSoftmaxFusion
from train_cli.optimizer import build_optimizer, set_rate


def parameters():
    return {
        "fusion.weights": nn.Parameter(torch.zeros(3)),
        "fusion.temperature": nn.Parameter(torch.zeros(())),
        "fusion.score.weight": nn.Parameter(torch.zeros(3, 2)),
        "projection.linear.weight": nn.Parameter(torch.zeros(2, 2)),
        "projection.linear.bias": nn.Parameter(torch.zeros(2)),
        "relation.output.weight": nn.Parameter(torch.zeros(2, 2)),
    }


def test_the_fusion_has_its_own_rate_and_vectors_are_not_decayed():
    named = parameters()
    optimizer = build_optimizer(
        named, TrainConfig(fusion_learning_rate=1e-4, weight_decay=0.1, fusion_score_rate=0.1), 1e-3
    )
    settings = {
        name: (group["peak"], group["weight_decay"])
        for group in optimizer.param_groups
        for name, parameter in named.items()
        if any(parameter is member for member in group["params"])
    }
    assert settings == {
        "fusion.weights": (pytest.approx(1e-5), 0.0),
        "fusion.temperature": (pytest.approx(1e-6), 0.0),
        "fusion.score.weight": (1e-4, 0.1),
        "projection.linear.weight": (1e-3, 0.1),
        "projection.linear.bias": (1e-3, 0.0),
        "relation.output.weight": (1e-3, 0.1),
    }


def test_a_fusion_rate_of_zero_means_the_common_one():
    optimizer = build_optimizer(parameters(), TrainConfig(), 5e-4)
    assert {group["peak"] for group in optimizer.param_groups} == {5e-4}


@pytest.mark.parametrize(
    ("update", "factor"),
    [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (55, 0.5), (100, 0.0), (200, 0.0)],
)
def test_the_rate_rises_linearly_and_falls_as_a_cosine(update, factor):
    optimizer = build_optimizer(parameters(), TrainConfig(fusion_learning_rate=1e-4), 1e-3)
    set_rate(optimizer, update, 100, warmup_fraction=0.1)
    for group in optimizer.param_groups:
        assert math.isclose(group["lr"], group["peak"] * factor, abs_tol=1e-12)


def test_weights_of_other_fusions_are_not_slowed():
    named = {"fusion.weights": nn.Parameter(torch.zeros(3, 2))}  # scaling vectors: no temperature
    (group,) = build_optimizer(named, TrainConfig(fusion_score_rate=0.1), 1e-3).param_groups
    assert group["peak"] == 1e-3


@pytest.mark.parametrize(("score_rate", "one_layer"), [(0.1, False), (1.0, True)])
def test_the_mix_of_global_softmax_runs_away_unless_its_scalars_are_slowed(score_rate, one_layer):
    fusion = GlobalSoftmaxFusion(12, 4, slope=0.5)
    named = {f"fusion.{name}": parameter for name, parameter in fusion.named_parameters()}
    config = TrainConfig(fusion_learning_rate=1e-4, fusion_score_rate=score_rate)
    optimizer = build_optimizer(named, config, 1e-3)
    states = torch.zeros(1, 1, 12, 4)
    states[..., 10, :] = 1.0  # one layer alone has what is asked for
    mask = torch.ones(1, 1, dtype=torch.bool)
    for _ in range(100):
        optimizer.zero_grad()
        output = fusion(states, mask)
        (output.fused - 1).pow(2).sum().backward()
        optimizer.step()
    assert (output.layer_weights[0, 0, 10] > 0.9) == one_layer
