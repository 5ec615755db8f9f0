import math

import pytest
import torch

from fusion_demo.fusion import DepthwiseAttentionFusion

L, D = 3, 4


def trained_fusion():
    torch.manual_seed(0)
    fusion = DepthwiseAttentionFusion(L, D)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return fusion


def linear(layer, x):
    return [
        sum(w * value for w, value in zip(row, x, strict=True)) + bias
        for row, bias in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    ]


def layer_norm(layer, x):
    mean = sum(x) / len(x)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in x) / len(x) + 1e-5)
    return [
        gain * (value - mean) / deviation + bias
        for value, gain, bias in zip(x, layer.weight.tolist(), layer.bias.tolist(), strict=True)
    ]


def gelu(value):
    return value * 0.5 * (1 + math.erf(value / math.sqrt(2)))


def elu(value):
    return value if value > 0 else math.exp(value) - 1


def f(network, x):
    """f(x) = W · LN(gelu(U x))."""
    down, _, norm, up = network
    return linear(up, layer_norm(norm, [gelu(value) for value in linear(down, x)]))


def reference(fusion, states):
    """The formulas of the docstring for one token, with loops in plain Python."""
    last = states[-1]
    query = [1 + elu(h + g) for h, g in zip(last, f(fusion.query, last), strict=True)]
    keys = [
        [sum(w * p for w, p in zip(row, position, strict=True)) for row in fusion.key.weight.tolist()]
        for position in fusion.positions.tolist()
    ]
    powers = [math.exp(sum(q * k for q, k in zip(query, key, strict=True))) for key in keys]
    weights = [power / sum(powers) for power in powers]
    fused = list(last)
    for layer in range(L):
        network, norm = fusion.values[layer]
        value = layer_norm(norm, f(network, states[layer]))
        fused = [total + weights[layer] * v for total, v in zip(fused, value, strict=True)]
    return weights, fused


def test_it_equals_the_slow_reference():
    fusion = trained_fusion()
    states = torch.randn(2, 3, L, D)
    output = fusion(states, torch.ones(2, 3, dtype=torch.bool))
    for b in range(2):
        for t in range(3):
            weights, fused = reference(fusion, states[b, t].tolist())
            assert output.layer_weights[b, t].tolist() == pytest.approx(weights, rel=1e-4)
            assert output.fused[b, t].tolist() == pytest.approx(fused, rel=1e-3, abs=1e-4)


def test_a_worked_example():
    """Keys of zero weigh all layers alike, and values are their norms' biases: 5 + (1 + 2 + 3) / 3 = 7."""
    fusion = DepthwiseAttentionFusion(3, 2)
    with torch.no_grad():
        fusion.key.weight.zero_()
        for number, (_, norm) in enumerate(fusion.values, start=1):
            norm.weight.zero_()
            norm.bias.fill_(float(number))
    output = fusion(torch.full((1, 1, 3, 2), 5.0), torch.ones(1, 1, dtype=torch.bool))
    assert output.layer_weights[0, 0].tolist() == pytest.approx([1 / 3] * 3)
    assert output.fused[0, 0].tolist() == pytest.approx([7.0, 7.0])


def test_the_weights_start_nearly_uniform_at_any_width():
    torch.manual_seed(0)
    weights = DepthwiseAttentionFusion(12, 384).layer_weights(torch.randn(1, 50, 12, 384))
    assert 0.5 / 12 < weights.min() < weights.max() < 2 / 12


def test_keys_have_no_bias_and_start_small():
    torch.manual_seed(0)
    key = DepthwiseAttentionFusion(12, 384).key
    assert key.bias is None
    assert key.weight.std().item() == pytest.approx(1 / 384, rel=0.05)


def test_the_last_layer_alone_asks():
    fusion = trained_fusion()
    states = torch.randn(1, 2, L, D)
    mask = torch.ones(1, 2, dtype=torch.bool)
    before = fusion(states, mask).layer_weights
    states[:, :, :-1] += 1.0
    assert torch.equal(fusion(states, mask).layer_weights, before)
    states[:, 0, -1] += 1.0
    assert not torch.allclose(fusion(states, mask).layer_weights[:, 0], before[:, 0])
    assert torch.equal(fusion(states, mask).layer_weights[:, 1], before[:, 1])


@pytest.mark.parametrize(("width", "inner"), [(8, 4), (3, 2), (1, 1)])
def test_half_the_width_is_inside_and_at_least_one(width, inner):
    fusion = DepthwiseAttentionFusion(2, width)
    assert fusion.query[0].out_features == inner
