"""What holds for every fusion."""

import pytest
import torch

from fusion_demo.config import FUSION_NAMES, BridgeConfig
from fusion_demo.errors import ShapeError
from fusion_demo.fusion import FUSIONS, build_fusion

L, D = 5, 8


def states_and_mask(seed=0):
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(3, 6, L, D, generator=generator)
    mask = torch.tensor([[1] * 6, [1] * 4 + [0] * 2, [1] + [0] * 5]).bool()
    return states, mask


@pytest.fixture(params=FUSION_NAMES)
def fusion(request):
    torch.manual_seed(1)
    module = build_fusion(BridgeConfig(fusion=request.param, fusion_heads=2), L, D).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 1e-2 if parameter.ndim else 0)
    return module


def test_the_registry_and_the_options_name_the_same_fusions():
    assert tuple(FUSIONS) == FUSION_NAMES


def test_fused_states_are_the_sum_over_layers_with_the_returned_weights(fusion):
    states, mask = states_and_mask()
    output = fusion(states, mask)
    for b in range(3):
        for t in range(6):
            expected = torch.zeros(D)
            for layer in range(L):
                expected += output.layer_weights[b, t, layer] * states[b, t, layer]
            torch.testing.assert_close(output.fused[b, t], expected)


def test_weights_of_real_tokens_are_positive_and_sum_to_one_and_padding_is_zero(fusion):
    states, mask = states_and_mask()
    output = fusion(states, mask)
    assert (output.layer_weights >= 0).all()
    torch.testing.assert_close(output.layer_weights.sum(-1), mask.float())
    assert not output.fused[~mask].any()


def test_what_stands_at_padding_changes_nothing(fusion):
    states, mask = states_and_mask()
    other = torch.where(mask[..., None, None], states, 99.0)
    torch.testing.assert_close(fusion(other, mask).fused, fusion(states, mask).fused)


def test_the_order_of_texts_and_tokens_does_not_matter(fusion):
    states, mask = states_and_mask()
    mask[:] = True
    output = fusion(states, mask)
    flipped = fusion(states.flip(0, 1), mask)
    torch.testing.assert_close(flipped.fused.flip(0, 1), output.fused)
    torch.testing.assert_close(flipped.layer_weights.flip(0, 1), output.layer_weights)


def test_equal_layers_come_out_as_they_went_in(fusion):
    state = torch.randn(1, 2, 1, D)
    output = fusion(state.expand(1, 2, L, D), torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(output.fused, state[:, :, 0])


@pytest.mark.parametrize("shape", [(3, 6, L + 1, D), (3, 6, L, D + 1), (3, 5, L, D)])
def test_states_of_another_encoder_are_refused(fusion, shape):
    with pytest.raises(ShapeError, match=f"made for {L} layers of width {D}.*encoder it was trained with"):
        fusion(torch.zeros(shape), torch.ones(3, 6, dtype=torch.bool))
