import dataclasses
from inspect import signature

import pytest
import torch
from torch import nn

from fusion_demo.config import BridgeConfig
from fusion_demo.errors import ConfigError
from fusion_demo.fusion import TransformerSoftmaxFusion

L, D, HEADS = 4, 8, 2


def trained_fusion(blocks):
    torch.manual_seed(3)
    fusion = TransformerSoftmaxFusion(L, D, blocks=blocks, heads=HEADS, feedforward=2.0, dropout=0.1).eval()
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return fusion


def reference_block(block):
    """torch's own Transformer encoder layer with the same weights."""
    layer = nn.TransformerEncoderLayer(D, HEADS, dim_feedforward=2 * D, dropout=0.1, batch_first=True).eval()
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(torch.cat([block.query.weight, block.key_value.weight]))
        layer.self_attn.in_proj_bias.copy_(torch.cat([block.query.bias, block.key_value.bias]))
        for mine, theirs in (
            (block.attention_output, layer.self_attn.out_proj),
            (block.attention_norm, layer.norm1),
            (block.feedforward[0], layer.linear1),
            (block.feedforward[3], layer.linear2),
            (block.feedforward_norm, layer.norm2),
        ):
            theirs.load_state_dict(mine.state_dict())
    return layer


def reference(fusion, states):
    """Equations 5 to 8 for one token, read slowly: every position through every block."""
    sequence = torch.cat([fusion.query[None], states + fusion.positions])[None]  # X + P; q gets no position
    for block in fusion.blocks:
        sequence = reference_block(block)(sequence)
    scores = fusion.score.weight @ sequence[0, 0] + fusion.score.bias
    weights = torch.exp(scores) / torch.exp(scores).sum()
    return weights, sum(weights[layer] * states[layer] for layer in range(L))


@pytest.mark.parametrize("blocks", [1, 2, 3])
@torch.no_grad()
def test_it_equals_the_slow_reference(blocks):
    fusion = trained_fusion(blocks)
    states = torch.randn(2, 3, L, D)
    output = fusion(states, torch.ones(2, 3, dtype=torch.bool))
    for b in range(2):
        for t in range(3):
            weights, fused = reference(fusion, states[b, t])
            torch.testing.assert_close(output.layer_weights[b, t], weights)
            torch.testing.assert_close(output.fused[b, t], fused)


def test_the_query_starts_at_zero():
    assert not TransformerSoftmaxFusion(L, D, heads=2).query.any()


def test_the_positions_start_small():
    torch.manual_seed(0)
    positions = TransformerSoftmaxFusion(50, 40).positions
    assert positions.std().item() == pytest.approx(0.02, rel=0.1)


def test_every_option_of_the_config_is_used():
    config = BridgeConfig(
        fusion_blocks=3, fusion_heads=2, fusion_feedforward=1.5, fusion_dropout=0.25, fusion_slope=0.5
    )
    torch.manual_seed(0)
    made = TransformerSoftmaxFusion.from_config(config, L, D)
    torch.manual_seed(0)
    plain = TransformerSoftmaxFusion.from_config(dataclasses.replace(config, fusion_slope=0.0), L, D)
    torch.testing.assert_close(made.score.bias - plain.score.bias, 0.5 * torch.arange(L))
    assert len(made.blocks) == 3
    for block in made.blocks:
        assert (block.heads, block.feedforward[0].out_features) == (2, 12)
        assert {block.dropout.p, block.attention_dropout.p, block.feedforward[2].p} == {0.25}


def test_its_own_defaults_are_those_of_the_config():
    defaults = {name: value.default for name, value in signature(TransformerSoftmaxFusion).parameters.items()}
    config = BridgeConfig()
    for name in ("blocks", "heads", "feedforward", "dropout", "slope"):
        assert defaults[name] == getattr(config, f"fusion_{name}"), name


def test_tokens_get_weights_of_their_own():
    weights = trained_fusion(1)(torch.randn(1, 2, L, D), torch.ones(1, 2, dtype=torch.bool)).layer_weights
    assert not torch.allclose(weights[0, 0], weights[0, 1])


def test_every_parameter_gets_a_gradient():
    fusion = trained_fusion(2)
    output = fusion(torch.randn(1, 3, L, D), torch.ones(1, 3, dtype=torch.bool))
    (output.fused * torch.randn(D)).sum().backward()
    keyless = {"blocks.0.key_value.bias", "blocks.1.key_value.bias"}  # a bias of all keys cancels out in part
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert name in keyless or parameter.grad.abs().sum() > 0, name


def test_dropout_acts_in_training_alone():
    fusion = trained_fusion(1)
    states, mask = torch.randn(1, 4, L, D), torch.ones(1, 4, dtype=torch.bool)
    assert torch.equal(fusion(states, mask).fused, fusion(states, mask).fused)
    fusion.train()
    assert not torch.equal(fusion(states, mask).fused, fusion(states, mask).fused)


def test_dropout_reaches_the_attention_of_a_whole_sequence():
    """The first of two blocks attends at every position; here nothing but its attention drops out."""
    block = trained_fusion(2).blocks[0].train()
    block.dropout.p = block.feedforward[2].p = 0.0
    block.attention_dropout.p = 0.5
    sequence = torch.randn(4, L + 1, D)
    assert not torch.equal(block(sequence), block(sequence))


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ConfigError) as error:
        TransformerSoftmaxFusion(L, D, heads=3)
    assert str(error.value) == (
        "'fusion_heads' is 3, which does not divide the encoder's width 8. Give a divisor of it."
    )


def test_a_slope_is_added_to_the_scores_of_the_layers():
    states = torch.randn(2, 3, 4, 8)
    plain, sloped = (fusion_of_slope(slope) for slope in (0.0, 0.5))
    expected = torch.softmax(plain.layer_weights(states).log() + 0.5 * torch.arange(4), dim=-1)
    torch.testing.assert_close(sloped.layer_weights(states), expected)


def fusion_of_slope(slope):
    torch.manual_seed(0)
    return TransformerSoftmaxFusion(4, 8, heads=2, dropout=0.0, slope=slope).eval()
