"""What holds for every fusion."""

import pytest
import torch

from fusion_demo.config import FUSION_NAMES, BridgeConfig
from fusion_demo.errors import ShapeError
from fusion_demo.fusion import FUSIONS, build_fusion

L, D = 5, 8
TRAINED = [name for name in FUSION_NAMES if name != "last-layer"]
ADDS_VALUES = ["depthwise-attention"]
SCALES_DIMENSIONS = ["scaling-vectors"]
ONE_WEIGHT_A_LAYER = [name for name in FUSION_NAMES if name not in ADDS_VALUES + SCALES_DIMENSIONS]


def states_and_mask(fusion, seed=0):
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(3, 6, len(fusion.layers), D, generator=generator)
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


def test_the_layers_are_numbered_from_one_and_the_embedding_output_is_zero(fusion):
    numbers = [0, 1, 2, 3, 4, 5] if fusion.reads_embeddings else [1, 2, 3, 4, 5]
    assert fusion.layers == numbers
    states, mask = states_and_mask(fusion)
    assert fusion(states, mask).layer_weights.shape == (3, 6, len(numbers))


@pytest.mark.parametrize("fusion", ONE_WEIGHT_A_LAYER, indirect=True)
def test_fused_states_are_the_sum_over_layers_with_the_returned_weights(fusion):
    states, mask = states_and_mask(fusion)
    output = fusion(states, mask)
    for b in range(3):
        for t in range(6):
            expected = torch.zeros(D)
            for layer in range(len(fusion.layers)):
                expected += output.layer_weights[b, t, layer] * states[b, t, layer]
            torch.testing.assert_close(output.fused[b, t], expected)


def test_weights_of_real_tokens_are_positive_and_sum_to_one_and_padding_is_zero(fusion):
    states, mask = states_and_mask(fusion)
    output = fusion(states, mask)
    assert (output.layer_weights >= 0).all()
    torch.testing.assert_close(output.layer_weights.sum(-1), mask.float())
    assert not output.fused[~mask].any()


def test_what_stands_at_padding_changes_nothing(fusion):
    states, mask = states_and_mask(fusion)
    other = torch.where(mask[..., None, None], states, 99.0)
    torch.testing.assert_close(fusion(other, mask).fused, fusion(states, mask).fused)


def test_the_order_of_texts_and_tokens_does_not_matter(fusion):
    states, mask = states_and_mask(fusion)
    mask[:] = True
    output = fusion(states, mask)
    flipped = fusion(states.flip(0, 1), mask)
    torch.testing.assert_close(flipped.fused.flip(0, 1), output.fused)
    torch.testing.assert_close(flipped.layer_weights.flip(0, 1), output.layer_weights)


@pytest.mark.parametrize("fusion", ONE_WEIGHT_A_LAYER + SCALES_DIMENSIONS, indirect=True)
def test_equal_layers_come_out_as_they_went_in(fusion):
    state = torch.randn(1, 2, 1, D)
    output = fusion(state.expand(1, 2, len(fusion.layers), D), torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(output.fused, state[:, :, 0])


@pytest.mark.parametrize("change", [(0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1), (0, -1, 0, 0)])
def test_states_of_another_encoder_are_refused(fusion, change):
    shape = [size + more for size, more in zip((3, 6, len(fusion.layers), D), change, strict=True)]
    made_for = f"the embedding output and {L} layers" if fusion.reads_embeddings else f"{L} layers"
    with pytest.raises(ShapeError) as error:
        fusion(torch.zeros(shape), torch.ones(3, 6, dtype=torch.bool))
    assert str(error.value) == (
        f"The layer states have shape {tuple(shape)}, but this fusion was made for {made_for} of width {D}: "
        f"{(3, 6, len(fusion.layers), D)}. Use the encoder it was trained with."
    )


@pytest.mark.parametrize("fusion", TRAINED, indirect=True)
def test_every_parameter_gets_a_gradient(fusion):
    states, mask = states_and_mask(fusion)
    (fusion(states, mask).fused * torch.randn(D)).sum().backward()
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
