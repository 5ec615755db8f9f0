import pytest
import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from fusion_demo.errors import ConfigError
from fusion_demo.prompt import PromptFrame
from tests.test_llm_families import FAMILIES, TEXTS, build_bridge
from tests.train_cli.tiny_training import arguments, same_bits
from train_cli.__main__ import main
from train_cli.recompute import recomputed_layers

PREFIXES = {"behind a prefix": (0, 30, 31, 32), "alone": ()}
RECOMPUTED = (0.0, 0.5, 1.0)


def loss_and_gradients(bridge, before, fraction):
    """Return the loss, the gradients, and how many bytes the forward pass kept for them."""
    frame = PromptFrame(before=before, after=(40,), answer_prefix=" ")
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    bridge.zero_grad(set_to_none=True)
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        recomputed_layers(bridge.llm.model, fraction),
    ):
        loss = bridge(TEXTS, ["sports", "a", "b"], frame)
    loss.backward()
    return loss, [p.grad for p in bridge.parameters() if p.requires_grad], sum(kept.values())


@pytest.mark.parametrize("before", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize("family", FAMILIES)
def test_recomputed_layers_give_the_same_gradients_and_keep_less(family, before):
    bridge = build_bridge(family)
    results = [loss_and_gradients(bridge, before, fraction) for fraction in RECOMPUTED]
    losses, gradients, kept = zip(*results, strict=True)
    assert sum(bool(gradient.any()) for gradient in gradients[0]) > 15
    for other in (1, 2):
        assert torch.equal(losses[0], losses[other])
        assert all(map(torch.equal, gradients[0], gradients[other]))
    assert kept[0] > kept[1] > kept[2]


def test_layers_are_what_they_were_when_it_is_over_even_by_an_error():
    llm = build_bridge("qwen3").llm.model
    layers = [module for module in llm.modules() if isinstance(module, GradientCheckpointingLayer)]
    assert len(layers) == 2

    def changed():
        return ["forward" in vars(layer) for layer in layers]

    def fail():
        with recomputed_layers(llm, 0.5):
            assert changed() == [True, False]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert changed() == [False, False]


def test_an_llm_without_known_layers_is_refused_only_when_it_is_asked_for():
    model = build_bridge("qwen3").llm.model
    model.model.layers = torch.nn.ModuleList()
    with recomputed_layers(model, 0.0):
        pass
    with (
        pytest.raises(ConfigError, match=r"this LLM \(qwen3\) cannot be recomputed. Leave out --recompute"),
        recomputed_layers(model, 0.5),
    ):
        pass


@pytest.mark.parametrize("fraction", ["0.5", "1"])
def test_a_training_ends_with_the_same_bits(data, tmp_path, fraction):
    for name, options in (("kept", ()), ("recomputed", ("--recompute", fraction))):
        assert main(arguments(data, tmp_path / name, *options)) == 0
    assert same_bits(tmp_path / "kept", tmp_path / "recomputed")
