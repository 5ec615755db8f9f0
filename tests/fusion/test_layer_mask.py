"""Masked layers and the layers' contributions, for every fusion."""

import pytest
import torch

from fusion_demo.config import BridgeConfig
from fusion_demo.fusion import FUSIONS, build_fusion

LAYERS, WIDTH = 5, 8
PLAIN = ("last-layer", "global-softmax", "transformer-softmax", "transparent-attention")
every_fusion = pytest.mark.parametrize("name", FUSIONS)


@pytest.fixture
def case():
    """Builds a fusion with random parameters, (2, 3, L, D) states and a mask with one padded token."""

    def build(name):
        torch.manual_seed(0)
        fusion = build_fusion(BridgeConfig(fusion=name, fusion_heads=2), LAYERS, WIDTH).eval()
        for parameter in fusion.parameters():
            torch.nn.init.normal_(parameter, std=0.3 if name != "global-softmax" else 1e-3)
        states = torch.randn(2, 3, len(fusion.layers), WIDTH)
        return fusion, states, torch.tensor([[True, True, True], [True, True, False]])

    return build


@every_fusion
@torch.no_grad()
def test_masked_weights_are_zero_and_the_rest_keeps_its_proportions(case, name):
    fusion, states, mask = case(name)
    kept = torch.ones(2, len(fusion.layers), dtype=torch.bool)
    kept[0, 1] = kept[1, 0] = kept[1, 2] = False
    whole = fusion(states, mask).layer_weights
    masked = fusion(states, mask, layer_mask=kept).layer_weights
    for b in range(2):
        for t in range(3):
            left = [float(whole[b, t, i]) if kept[b, i] else 0.0 for i in range(len(fusion.layers))]
            expected = [value / max(sum(left), 1e-30) for value in left]
            assert masked[b, t].tolist() == pytest.approx(expected, abs=1e-6)


@every_fusion
@torch.no_grad()
def test_a_masked_layer_has_no_influence_on_the_mix_itself(case, name):
    """What a layer says may still steer the weights of the others, where they are made from the states."""
    fusion, states, mask = case(name)
    kept = torch.ones(2, len(fusion.layers), dtype=torch.bool)
    kept[:, 1] = False
    weights = fusion(states, mask, layer_mask=kept).layer_weights
    changed = states.clone()
    changed[:, :, 1] += 100.0
    assert torch.allclose(fusion.mix(states, weights), fusion.mix(changed, weights), atol=1e-5)


@every_fusion
@torch.no_grad()
def test_a_mask_that_keeps_all_layers_changes_nothing(case, name):
    fusion, states, mask = case(name)
    kept = torch.ones(2, len(fusion.layers), dtype=torch.bool)
    assert torch.allclose(fusion(states, mask).fused, fusion(states, mask, layer_mask=kept).fused, atol=1e-6)


@torch.no_grad()
def test_where_no_layer_is_left_the_text_says_nothing(case):
    fusion, states, mask = case("last-layer")
    kept = torch.ones(2, LAYERS, dtype=torch.bool)
    kept[0, -1] = False
    output = fusion(states, mask, layer_mask=kept)
    assert output.fused[0].abs().max() == output.layer_weights[0].abs().max() == 0
    assert output.layer_weights[1, 0].tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("name", PLAIN)
@torch.no_grad()
def test_contribution_is_weight_times_length_of_the_state(case, name):
    fusion, states, mask = case(name)
    weights = fusion(states, mask).layer_weights
    found = fusion.contributions(states, weights)
    for b, t, layer in torch.cartesian_prod(*map(torch.arange, weights.shape)).tolist():
        length = sum(value**2 for value in states[b, t, layer].tolist()) ** 0.5
        assert float(found[b, t, layer]) == pytest.approx(float(weights[b, t, layer]) * length, abs=1e-5)


@torch.no_grad()
def test_contribution_of_scaling_vectors_is_the_length_of_the_scaled_state(case):
    fusion, states, mask = case("scaling-vectors")
    found = fusion.contributions(states, fusion(states, mask).layer_weights)
    scales = torch.softmax(fusion.weights, dim=0)
    assert torch.allclose(found[0], (scales * states[0]).norm(dim=-1), atol=1e-5)
    assert found[1, 2].tolist() == [0] * LAYERS  # padding


@torch.no_grad()
def test_contribution_to_depthwise_attention_is_the_length_of_the_weighted_value(case):
    """The last layer, which stands in the sum once more as it is, is no layer's contribution."""
    fusion, states, mask = case("depthwise-attention")
    weights = fusion(states, mask).layer_weights
    found = fusion.contributions(states, weights)
    for layer, value in enumerate(fusion.values):
        expected = weights[..., layer] * value(states[:, :, layer]).norm(dim=-1)
        assert torch.allclose(found[..., layer], expected, atol=1e-5)


@pytest.mark.parametrize("name", PLAIN)
@torch.no_grad()
def test_contributions_keep_the_precision_and_the_device_of_the_states(case, name):
    fusion, states, mask = case(name)
    for device in ("cpu", "meta"):
        fusion, states, mask = (
            fusion.to(device, torch.bfloat16),
            states.to(device, torch.bfloat16),
            mask.to(device),
        )
        found = fusion.contributions(states, fusion(states, mask).layer_weights)
        assert (found.dtype, found.device.type) == (torch.bfloat16, device)


def test_masked_scores_are_those_of_a_bridge_with_the_masked_weights(make_bridge):
    """By hand: the mix with the renormalised weights, projected and read by the LLM."""
    bridge = make_bridge(fusion="transformer-softmax")
    frame, texts = bridge.frame("Which topic?", "Category: "), ["good day", "ලංකා"]
    whole = bridge.soft_tokens(texts).layer_weights
    kept = torch.ones(2, whole.shape[-1], dtype=torch.bool)
    kept[0, 0] = kept[1, -1] = False
    scores = bridge.score_labels(texts, ["sports", "arts"], frame, layer_mask=kept)
    weights = whole * kept[:, None]
    weights = torch.nan_to_num(weights / weights.sum(dim=-1, keepdim=True))
    assert torch.allclose(scores.soft_tokens.layer_weights, weights, atol=1e-6)
    encoded = bridge.encoder(texts)
    fused = torch.einsum("btl,btld->btd", weights, encoded.layer_states)
    expected = bridge.projection(fused)
    assert torch.allclose(scores.soft_tokens.embeddings[encoded.mask], expected[encoded.mask], atol=1e-5)
    plain = bridge.score_labels(texts, ["sports", "arts"], frame)
    assert not torch.allclose(scores.log_likelihoods, plain.log_likelihoods, atol=1e-4)
