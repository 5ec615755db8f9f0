import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from fusion_demo import llm
from fusion_demo.frozen_layers import FrozenHead, FrozenRMSNorm, lean_layers
from fusion_demo.pretrained.tiny import build_tiny_llm
from tests.test_grouped_attention import loss_and_gradients
from tests.test_llm_families import FAMILIES, PLAIN, build_bridge

EPSILON = 1e-5


def norms(width=6, dtype=torch.float32):
    """Return transformers' norm and ours, of the same frozen weights."""
    norm = LlamaRMSNorm(width, EPSILON).requires_grad_(False)
    norm.weight.copy_(torch.rand(width, generator=torch.Generator().manual_seed(0)) + 0.5)
    norm.to(dtype)
    return norm, FrozenRMSNorm(norm.weight, EPSILON)


def states_of(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("gradient", [True, False])
def test_a_norm_has_the_bits_of_transformers(dtype, gradient):
    theirs, ours = norms(dtype=dtype)
    states = states_of(2, 5, 6, dtype=dtype).requires_grad_(gradient)
    assert torch.equal(ours(states), theirs(states))
    assert ours(states).dtype == dtype


def test_the_gradient_of_a_norm_is_that_of_its_formula():
    _, ours = norms()
    given = states_of(4, 3, 6).requires_grad_()
    wanted = states_of(3, 4, 6).transpose(0, 1)
    ours(given).backward(wanted)
    x, w, dy = given.detach().double(), ours.weight.double(), wanted.double()
    expected = torch.empty_like(x)
    for row in range(4):
        for place in range(3):
            scale = (x[row, place].square().mean() + EPSILON).rsqrt()
            # Jacobian of w · x · r(x): each output by each input.
            jacobian = torch.diag(w * scale) - torch.outer(w * x[row, place], x[row, place]) * scale**3 / 6
            expected[row, place] = jacobian.T @ dy[row, place]
    torch.testing.assert_close(given.grad.double(), expected, rtol=1e-5, atol=1e-6)


def test_a_gradient_that_others_read_is_left_alone():
    _, ours = norms()
    given = states_of(2, 6).requires_grad_()
    wanted = states_of(2, 6)
    before = wanted.clone()
    ours(given).backward(wanted)
    assert torch.equal(wanted, before)
    assert torch.equal(given, states_of(2, 6))


@pytest.mark.parametrize("bias", [True, False])
def test_logits_and_their_gradient_are_those_of_a_linear_layer(bias):
    linear = nn.Linear(6, 11, bias=bias).requires_grad_(False)
    head = FrozenHead(linear.weight, linear.bias)
    given = states_of(2, 5, 6)[:, 1:4].requires_grad_()
    given.retain_grad()
    wanted = states_of(2, 3, 11)
    logits = head(given)
    logits.backward(wanted)
    torch.testing.assert_close(logits, functional.linear(given, linear.weight, linear.bias))
    torch.testing.assert_close(given.grad, wanted @ linear.weight)
    assert head.weight.grad is None
    with torch.no_grad():
        assert torch.equal(head(given), linear(given.contiguous()))


def test_other_number_formats_are_left_to_pytorch():
    linear = nn.Linear(6, 11).requires_grad_(False).bfloat16()
    head = FrozenHead(linear.weight, linear.bias)
    given = states_of(2, 3, 6, dtype=torch.bfloat16).requires_grad_()
    assert torch.equal(head(given), linear(given))


def test_weights_that_are_no_longer_frozen_get_their_gradient():
    linear, (_, norm) = nn.Linear(6, 11), norms()
    norm.weight.requires_grad_()
    given = states_of(2, 3, 6).requires_grad_()
    for layer in (FrozenHead(linear.weight, linear.bias), norm):
        layer(given).sum().backward()
        assert layer.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_only_norms_that_are_known_are_replaced(family):
    model = build_bridge(family).llm.model
    kinds = {type(module).__name__ for module in model.modules() if "Norm" in type(module).__name__}
    known = family in ("qwen3", "mistral", "mamba")
    assert (kinds == {"FrozenRMSNorm"}) if known else ("FrozenRMSNorm" not in kinds)
    assert isinstance(model.get_output_embeddings(), FrozenHead)


def test_a_norm_of_the_name_that_computes_something_else_is_left_alone():
    class OddRMSNorm(LlamaRMSNorm):
        def forward(self, states):
            return super().forward(states) + 1

    model, _ = build_tiny_llm()
    model.model.norm = OddRMSNorm(model.config.hidden_size)
    lean_layers(model)
    assert isinstance(model.model.norm, OddRMSNorm)
    assert isinstance(model.model.layers[0].input_layernorm, FrozenRMSNorm)


def test_an_output_layer_that_is_not_linear_is_left_alone():
    class Scaled(nn.Linear):
        def forward(self, states):
            return 2 * super().forward(states)

    model, _ = build_tiny_llm()
    head = Scaled(model.config.hidden_size, 5)
    model.set_output_embeddings(head)
    lean_layers(model)
    assert model.get_output_embeddings() is head


def test_parameters_keep_their_names_numbers_and_ties():
    model, _ = build_tiny_llm()
    before = copy.deepcopy(model.state_dict())
    addresses = {name: p.data_ptr() for name, p in model.named_parameters()}
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    lean_layers(model)
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert {name: p.data_ptr() for name, p in model.named_parameters()} == addresses
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) == tied


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in PLAIN])
def test_training_is_the_same_and_keeps_no_more(family, monkeypatch):
    loss, gradients, kept = loss_and_gradients(build_bridge(family))
    monkeypatch.setattr(llm, "lean_layers", lambda model: None)
    other_loss, other_gradients, kept_before = loss_and_gradients(build_bridge(family))
    torch.testing.assert_close(loss, other_loss)
    for gradient, other in zip(gradients, other_gradients, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-5, rtol=1e-4)
    assert kept <= kept_before
