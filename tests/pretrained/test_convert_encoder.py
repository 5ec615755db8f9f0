import dataclasses
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from fusion_demo.errors import ModelError
from fusion_demo.pretrained.convert_encoder import (
    bert_name,
    build_encoder,
    build_normaliser,
    build_tokenizer,
    convert_encoder,
)
from fusion_demo.pretrained.e5_format import E5Tokenizer, read_e5_file

TABLE = {"\t": " ", "\x07": "", "ﬁ": "fi", "ª": "a", "½": "1⁄2", "\u200d": " ", "\u00a0": " "}
TABLE |= {"\u0958": "\u0915\u093c"}
OTHERS = [" ", "a", "\u0301", "\u064b", "\ufe0f", "ක", "ා", "👍", "🏽", "\r", "\n"]


def slow_normalise(text: str) -> str:
    return re.sub(" +", " ", "".join(TABLE.get(character, character) for character in text))


@pytest.fixture(scope="module")
def tokenizer(e5_parts):
    return build_tokenizer(E5Tokenizer(e5_parts.pieces, 0, 2, 1, 3, e5_parts.normaliser), 64)


def test_the_converted_folder_holds_the_files_weights(e5_path, e5_parts, tmp_path):
    convert_encoder(e5_path, tmp_path / "model")
    model = AutoModel.from_pretrained(tmp_path / "model", add_pooling_layer=False, dtype=torch.float32)
    state = dict(model.named_parameters())
    assert state.keys() == {bert_name(name) for name in e5_parts.tensors}
    for name in ("l1.fi.w", "l0.oln.b", "emb.pos"):
        assert torch.equal(state[bert_name(name)], torch.tensor(e5_parts.tensors[name])), name
    assert model.config.layer_norm_eps == pytest.approx(1e-12)
    assert (model.config.pad_token_id, model.config.num_attention_heads) == (1, 4)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("l3.aln.w", "encoder.layer.3.attention.output.LayerNorm.weight"),
        ("l11.fo.b", "encoder.layer.11.output.dense.bias"),
        ("emb.ln.b", "embeddings.LayerNorm.bias"),
    ],
)
def test_tensor_names(name, wanted):
    assert bert_name(name) == wanted


@pytest.mark.parametrize("name", ["l3.zz.w", "pooler.w", "l3.q.x", ""])
def test_an_unknown_tensor_is_refused(name):
    with pytest.raises(ModelError, match=f"unknown tensor '{name}'"):
        bert_name(name)


def test_a_missing_tensor_is_named(e5_path):
    file = read_e5_file(e5_path)
    del file.tensors["l1.q.b"]
    with pytest.raises(ModelError, match=r"lacks or adds tensors: encoder\.layer\.1\..*query\.bias"):
        build_encoder(file)


def test_a_tensor_of_another_size_is_refused(e5_path):
    file = read_e5_file(e5_path)
    header = dataclasses.replace(file.header, positions=65)
    with pytest.raises(ModelError, match=r"position_embeddings\.weight has 2048 values, .* says 2080"):
        build_encoder(dataclasses.replace(file, header=header))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("good day", ["▁good", "▁da", "y"]),
        ("  good \t good", ["▁good", "▁good"]),
        ("ﬁ ａ", ["▁", "fi", "▁", "<unk>"]),
        ("goodzzz", ["▁good", "<unk>", "<unk>", "<unk>"]),
        ("a\u0301 ª\u0301", ["▁", "a", "\u0301", "▁", "a", "\u0301"]),
        ("good ", ["▁good", "▁"]),
    ],
)
def test_pieces(tokenizer, text, pieces):
    ids = tokenizer(text)["input_ids"]
    assert (ids[0], ids[-1]) == (0, 2)
    assert tokenizer.convert_ids_to_tokens(ids[1:-1]) == pieces


def test_the_saved_tokenizer_loads_as_it_was(e5_path, tokenizer, tmp_path):
    convert_encoder(e5_path, tmp_path / "model")
    again = AutoTokenizer.from_pretrained(tmp_path / "model")
    texts = ["good day", "ﬁ goodzz\u0301  ª\u0301", "", "Ｄay \x07 a\u200dd"]
    assert again(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    assert (again.model_max_length, again.pad_token_id, again.unk_token_id) == (64, 1, 3)
    assert again.mask_token == "<mask>"


def test_offsets_point_into_the_text_as_it_was_typed(tokenizer):
    text = "good  ﬁ\tda"
    batch = tokenizer(text, return_offsets_mapping=True)
    shown = [text[left:right].strip() for left, right in batch["offset_mapping"][1:-1]]
    assert [piece for piece in shown if piece] == ["good", "ﬁ", "da"]


def test_a_mark_after_a_replaced_character_is_kept():
    """Grapheme clusters: `Precompiled` alone replaces all of "ª" + accent by "a"."""
    normaliser = build_normaliser(TABLE)
    assert normaliser.normalize_str("ª\u0301") == "a\u0301"
    assert normaliser.normalize_str("½\ufe0f") == "1⁄2\ufe0f"


@given(st.text(st.sampled_from([*TABLE, *OTHERS])))
def test_normalisation_equals_the_slow_loop(text):
    assert build_normaliser(TABLE).normalize_str(text) == slow_normalise(text)
