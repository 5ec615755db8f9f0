import math

import pytest
import torch

from fusion_demo.fusion import ScalingVectorsFusion

L, D = 4, 3


def trained_fusion(spread=1.0):
    fusion = ScalingVectorsFusion(L, D)
    with torch.no_grad():
        fusion.weights.copy_(torch.randn(L, D, generator=torch.Generator().manual_seed(0)) * spread)
    return fusion


def reference(w, states):
    """The scales of each dimension, and one token's fused state, with loops in plain Python."""
    scales = [[0.0] * D for _ in range(L)]
    for d in range(D):
        powers = [math.exp(w[layer][d]) for layer in range(L)]
        for layer in range(L):
            scales[layer][d] = powers[layer] / sum(powers)
    fused = [sum(scales[layer][d] * states[layer][d] for layer in range(L)) for d in range(D)]
    return [sum(row) / D for row in scales], fused


def test_it_equals_the_slow_reference():
    fusion = trained_fusion()
    states = torch.randn(2, 3, L, D)
    output = fusion(states, torch.ones(2, 3, dtype=torch.bool))
    for b in range(2):
        for t in range(3):
            weights, fused = reference(fusion.weights.tolist(), states[b, t].tolist())
            assert output.layer_weights[b, t].tolist() == pytest.approx(weights, rel=1e-5)
            assert output.fused[b, t].tolist() == pytest.approx(fused, rel=1e-4, abs=1e-6)


def test_the_docstrings_example():
    fusion = ScalingVectorsFusion(2, 2)
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([[200.0, 0.0], [0.0, 0.0]]))
    output = fusion(torch.tensor([[[[4.0, 2.0], [8.0, 6.0]]]]), torch.ones(1, 1, dtype=torch.bool))
    assert output.layer_weights[0, 0].tolist() == pytest.approx([0.75, 0.25])
    assert output.fused[0, 0].tolist() == pytest.approx([4.0, 4.0])


def test_it_starts_uniform():
    states = torch.randn(1, 2, L, D)
    output = ScalingVectorsFusion(L, D)(states, torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(output.layer_weights, torch.full((1, 2, L), 1 / L))
    torch.testing.assert_close(output.fused, states.mean(dim=2))


def test_every_token_gets_the_same_weights():
    weights = trained_fusion()(torch.randn(2, 4, L, D), torch.ones(2, 4, dtype=torch.bool)).layer_weights
    assert (weights == weights[0, 0]).all()


def test_a_layer_of_no_weight_leaves_numbers_and_gradients_finite():
    fusion = ScalingVectorsFusion(L, D)
    with torch.no_grad():
        fusion.weights[0] = 1e4
    output = fusion(torch.randn(1, 2, L, D), torch.ones(1, 2, dtype=torch.bool))
    output.fused.sum().backward()
    assert output.layer_weights[0, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert torch.isfinite(output.fused).all()
    assert torch.isfinite(fusion.weights.grad).all()
