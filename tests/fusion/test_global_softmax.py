import math

import pytest
import torch

from fusion_demo.config import BridgeConfig
from fusion_demo.fusion import GlobalSoftmaxFusion


def reference(w, temp, states):
    """Equations 1 to 3 with loops, in plain Python."""
    tau = 1e2 + 1e5 * temp
    powers = [math.exp(tau * value) for value in w]
    alpha = [power / sum(powers) for power in powers]
    return alpha, [
        sum(a * h for a, h in zip(alpha, column, strict=True)) for column in zip(*states, strict=True)
    ]


def test_it_equals_the_slow_reference():
    generator = torch.Generator().manual_seed(0)
    fusion = GlobalSoftmaxFusion(4, 3)
    with torch.no_grad():
        fusion.weights.copy_(torch.randn(4, generator=generator) * 0.01)
        fusion.temperature.copy_(torch.tensor(2e-4))
    states = torch.randn(1, 1, 4, 3, generator=generator)
    output = fusion(states, torch.ones(1, 1, dtype=torch.bool))
    alpha, fused = reference(fusion.weights.tolist(), fusion.temperature.item(), states[0, 0].tolist())
    assert output.layer_weights[0, 0].tolist() == pytest.approx(alpha, rel=1e-5)
    assert output.fused[0, 0].tolist() == pytest.approx(fused, rel=1e-4)


def test_the_docstrings_example():
    fusion = GlobalSoftmaxFusion(2, 1)
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([0.0, math.log(3) / 101]))
    assert fusion.layer_weights(torch.zeros(1, 1, 2, 1)).tolist() == pytest.approx([0.25, 0.75])


def test_the_slope_of_the_config_is_that_of_the_first_weights():
    fusion = GlobalSoftmaxFusion.from_config(BridgeConfig(fusion_slope=0.5), 4, 8)
    expected = torch.softmax(0.5 * torch.arange(4), dim=0)
    torch.testing.assert_close(fusion.layer_weights(torch.zeros(1, 1, 4, 8)), expected)


def test_it_starts_uniform_as_in_the_authors_code():
    fusion = GlobalSoftmaxFusion(24, 8)
    assert fusion.weights.tolist() == pytest.approx([3e-5] * 24)
    assert fusion.temperature.item() == pytest.approx(1e-5)
    torch.testing.assert_close(fusion.layer_weights(torch.zeros(1)), torch.full((24,), 1 / 24))


def test_every_token_gets_the_same_weights():
    fusion = GlobalSoftmaxFusion(3, 2)
    weights = fusion(torch.randn(2, 4, 3, 2), torch.ones(2, 4, dtype=torch.bool)).layer_weights
    assert (weights == weights[0, 0]).all()


def test_a_slope_starts_with_the_upper_layers():
    weights = GlobalSoftmaxFusion(3, 4, slope=math.log(2)).layer_weights(torch.zeros(1, 1, 3, 4))
    torch.testing.assert_close(weights, torch.tensor([1 / 7, 2 / 7, 4 / 7]))
