import copy
import hashlib
import struct

import pytest
import torch
from tokenizers import AddedToken, normalizers
from torch import nn
from transformers import GenerationConfig

from fusion_demo.pretrained.fingerprint import fingerprint, input_fingerprint
from fusion_demo.pretrained.tiny import build_tiny_encoder, build_tiny_llm


@pytest.fixture
def encoder():
    return build_tiny_encoder()


@pytest.fixture
def llm():
    return build_tiny_llm()


def test_a_fingerprint_is_a_sha256_and_the_same_again(encoder):
    assert fingerprint(*encoder) == fingerprint(*build_tiny_encoder())
    assert len(bytes.fromhex(fingerprint(*encoder))) == 32


def test_float32_and_bfloat16_agree(llm):
    model, tokenizer = llm
    assert fingerprint(copy.deepcopy(model).to(torch.bfloat16), tokenizer) == fingerprint(model, tokenizer)


def test_the_bridge_may_unfreeze_or_train_mode_without_changing_it(encoder):
    model, tokenizer = encoder
    before = fingerprint(model, tokenizer)
    assert fingerprint(model.train().requires_grad_(True), tokenizer) == before


def test_one_changed_weight_changes_it(encoder):
    model, tokenizer = encoder
    before = fingerprint(model, tokenizer)
    with torch.no_grad():
        model.encoder.layer[1].output.dense.weight[3, 5] += 0.01
    assert fingerprint(model, tokenizer) != before


def test_two_swapped_weights_change_it(encoder):
    model, tokenizer = encoder
    before = fingerprint(model, tokenizer)
    with torch.no_grad():
        rows = model.embeddings.word_embeddings.weight
        rows[[10, 11]] = rows[[11, 10]].clone()
    assert fingerprint(model, tokenizer) != before


def test_another_vocabulary_changes_it(encoder):
    model, tokenizer = encoder
    before = fingerprint(model, tokenizer)
    tokenizer.add_tokens([AddedToken("<new>")])
    assert fingerprint(model, tokenizer) != before


def test_shape_and_name_count(encoder):
    _, tokenizer = encoder

    class Weights(nn.Module):
        def __init__(self, name, *shape):
            super().__init__()
            self.register_parameter(name, nn.Parameter(torch.arange(6.0).reshape(shape)))

    prints = {fingerprint(Weights(*args), tokenizer) for args in [("a", 2, 3), ("a", 3, 2), ("b", 2, 3)]}
    assert len(prints) == 3


def test_tied_embeddings_count_once(llm):
    model, tokenizer = llm
    assert model.lm_head.weight is model.model.embed_tokens.weight
    once = slow_fingerprint(model, tokenizer, skip={"model.embed_tokens.weight"})
    assert fingerprint(model, tokenizer) == once != slow_fingerprint(model, tokenizer)


def slow_fingerprint(model, tokenizer, skip=frozenset()):
    """The definition, value by value."""
    content = b""
    for name, tensor in sorted(model.state_dict().items()):
        if name in skip:
            continue
        content += f"{name} {list(tensor.shape)}\n".encode()
        for value in tensor.flatten().tolist():
            (bits,) = struct.unpack("<I", struct.pack("<f", value))
            kept, rest = bits >> 16, bits & 0xFFFF
            content += struct.pack("<H", kept + (rest > 0x8000 or (rest == 0x8000 and kept & 1)))
    for piece, index in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1]):
        content += struct.pack("<II", index, len(piece.encode())) + piece.encode()
    return hashlib.sha256(content).hexdigest()


def test_it_equals_the_slow_definition(encoder):
    assert fingerprint(*encoder) == slow_fingerprint(*encoder)


def change_template(tokenizer):
    tokenizer.chat_template += " "


def change_special(tokenizer):
    tokenizer.eos_token = "<|begin|>"


def change_rules(tokenizer):
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC()


@pytest.mark.parametrize("change", [change_template, change_special, change_rules])
def test_what_shapes_a_prompt_has_a_fingerprint_of_its_own(llm, change):
    model, tokenizer = llm
    before, weights = input_fingerprint(tokenizer), fingerprint(model, tokenizer)
    tokenizer(["a batch", "cut and padded"], padding=True, truncation=True, max_length=4)
    assert input_fingerprint(tokenizer) == before
    change(tokenizer)
    assert input_fingerprint(tokenizer) != before
    assert fingerprint(model, tokenizer) == weights


def test_end_tokens_of_the_generation_count(llm):
    defaults = GenerationConfig(eos_token_id=[1, 2])
    assert input_fingerprint(llm[1], defaults) != input_fingerprint(llm[1], GenerationConfig(eos_token_id=1))
