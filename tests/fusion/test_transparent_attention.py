import math

import pytest
import torch

from fusion_demo.fusion import TransparentAttentionFusion


def reference(w, states):
    """The softmax over the embedding output and the layers, and one token's mix, in plain Python."""
    powers = [math.exp(value) for value in w]
    weights = [power / sum(powers) for power in powers]
    fused = [sum(s * h for s, h in zip(weights, column, strict=True)) for column in zip(*states, strict=True)]
    return weights, fused


def test_it_equals_the_slow_reference():
    generator = torch.Generator().manual_seed(0)
    fusion = TransparentAttentionFusion(3, 2)
    with torch.no_grad():
        fusion.weights.copy_(torch.randn(4, generator=generator))
    states = torch.randn(2, 3, 4, 2, generator=generator)
    output = fusion(states, torch.ones(2, 3, dtype=torch.bool))
    for b in range(2):
        for t in range(3):
            weights, fused = reference(fusion.weights.tolist(), states[b, t].tolist())
            assert output.layer_weights[b, t].tolist() == pytest.approx(weights, rel=1e-5)
            assert output.fused[b, t].tolist() == pytest.approx(fused, rel=1e-4, abs=1e-6)


def test_the_docstrings_example():
    fusion = TransparentAttentionFusion(1, 1)
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([0.0, math.log(3)]))
    output = fusion(torch.tensor([[[[8.0], [4.0]]]]), torch.ones(1, 1, dtype=torch.bool))
    assert output.layer_weights[0, 0].tolist() == pytest.approx([0.25, 0.75])
    assert output.fused[0, 0].tolist() == pytest.approx([5.0])


def test_it_starts_uniform_over_the_embedding_output_and_the_layers():
    fusion = TransparentAttentionFusion(24, 8)
    torch.testing.assert_close(fusion.layer_weights(torch.zeros(1)), torch.full((25,), 1 / 25))
    assert fusion.layers[0] == 0
