import pytest
import torch

from fusion_demo.grouped_attention import GROUPED, grouped_attention
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.tiny import build_tiny_llm
from fusion_demo.prompt import PromptFrame
from tests.test_llm_families import FAMILIES, PLAIN, TEXTS, build_bridge

SHARING = [
    name for name, (_, _, shape) in FAMILIES.items() if "num_key_value_heads" in shape and name not in PLAIN
]
FRAME = PromptFrame(before=(0, 30, 31, 32), after=(40,), answer_prefix=" ")


def attended(query, key, value, mask):
    """Each head for itself, written out: softmax(q · k / √D + mask) · v."""
    group = query.shape[1] // key.shape[1]
    mixed = torch.empty(query.transpose(1, 2).shape)
    for row in range(len(query)):
        for head in range(query.shape[1]):
            scores = query[row, head] @ key[row, head // group].T / query.shape[-1] ** 0.5 + mask[row, 0]
            mixed[row, :, head] = scores.softmax(dim=-1) @ value[row, head // group]
    return mixed


@pytest.mark.parametrize("number", [1, 3])
def test_each_head_reads_the_keys_and_values_of_its_group(number):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 6, number, 4, generator=generator)
    key, value = torch.randn(2, 2, 2, 5, 4, generator=generator)
    seen = torch.ones(number, 5, dtype=torch.bool).tril(5 - number).expand(2, 1, -1, -1)
    added = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    module = torch.nn.Module()
    module.num_key_value_groups = 3
    for mask in (added, seen):
        mixed, weights = grouped_attention(module, query, key, value, mask)
        torch.testing.assert_close(mixed, attended(query, key, value, added))
        assert mixed.is_contiguous()
        assert weights is None


def loss_and_gradients(bridge):
    """Return a batch's loss, its gradients, and how many bytes the forward pass kept for them."""
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    bridge.zero_grad(set_to_none=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = bridge(TEXTS, ["sports", "a", "b"], FRAME)
    loss.backward()
    return loss.detach(), [p.grad for p in bridge.parameters() if p.requires_grad], sum(kept.values())


@pytest.mark.parametrize("family", SHARING)
def test_training_is_the_same_and_keeps_no_copies(family):
    bridge = build_bridge(family, num_attention_heads=4, num_key_value_heads=2, head_dim=6)
    assert bridge.llm.model.config._attn_implementation == GROUPED
    loss, gradients, kept = loss_and_gradients(bridge)
    bridge.llm.model.set_attn_implementation("sdpa")
    other_loss, other_gradients, kept_with_copies = loss_and_gradients(bridge)
    torch.testing.assert_close(loss, other_loss)
    for gradient, other in zip(gradients, other_gradients, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-5, rtol=1e-4)
    assert kept < kept_with_copies


def test_heads_that_share_nothing_and_other_attention_are_left_alone():
    assert build_bridge("gpt-neox").llm.model.config._attn_implementation == "sdpa"
    model, tokenizer = build_tiny_llm()
    model.set_attn_implementation("eager")
    assert FrozenLLM(model, tokenizer).model.config._attn_implementation == "eager"


@pytest.mark.parametrize("option", ["position_bias", "softcap"])
def test_what_transformers_does_with_its_options_is_left_to_it(option):
    query, key = torch.randn(1, 4, 3, 8), torch.randn(1, 2, 3, 8)
    module = torch.nn.Module()
    module.num_key_value_groups = 2
    mask = torch.zeros(1, 1, 3, 3)
    if option == "softcap":
        with pytest.raises(ValueError, match="softcap"):
            grouped_attention(module, query, key, key, mask, softcap=30.0)
        return
    bias = torch.randn(1, 4, 3, 3)
    mixed, _ = grouped_attention(module, query, key, key, mask, position_bias=bias)
    biased, _ = grouped_attention(module, query, key, key, bias)
    torch.testing.assert_close(mixed, biased)
