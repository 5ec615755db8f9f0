"""The shapes are counted on the meta device, without memory; what is built is smaller, by the same code."""

import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MT5Config,
    MT5EncoderModel,
)

from fusion_demo.baselines import Translator
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import ConfigError, ModelError
from fusion_demo.pretrained import random_weights
from fusion_demo.pretrained.load import BUILT, load_encoder, load_llm
from fusion_demo.pretrained.random_weights import (
    LLAMA_3_2_1B,
    MT5_LARGE,
    NLLB_1_3B,
    NLLB_600M,
    SPREAD,
    build_llama_3_2_1b,
    build_mt5_large,
    build_nllb,
    build_nllb_600m,
)

SMALL_MT5 = {"vocab_size": 300, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 3, "num_heads": 4}
SMALL_LLAMA = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}
SMALL_NLLB = {
    "vocab_size": 300,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
}


def test_mt5_large_has_the_published_size():
    with torch.device("meta"):
        model = MT5EncoderModel(MT5Config(**MT5_LARGE))
    attention = 4 * 1024 * (16 * 64)
    feed_forward = 3 * 1024 * 2816
    layer = attention + feed_forward + 2 * 1024
    expected = 250112 * 1024 + 24 * layer + 32 * 16 + 1024
    assert sum(p.numel() for p in model.parameters()) == expected == 564_446_720
    assert model.config.num_hidden_layers == 24
    assert model.config.dense_act_fn == "gelu_new"
    assert model.config.is_gated_act


def test_llama_3_2_1b_has_the_published_size_and_positions():
    config = LlamaConfig(**LLAMA_3_2_1B)
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    attention = 2 * 2048 * 2048 + 2 * 2048 * (8 * 64)
    layer = attention + 3 * 2048 * 8192 + 2 * 2048
    expected = 128256 * 2048 + 16 * layer + 2048
    assert sum(p.numel() for p in model.parameters()) == expected == 1_235_814_400
    assert config.rope_parameters["rope_type"] == "llama3"
    assert config.rope_parameters["factor"] == 32.0
    assert config.rope_parameters["rope_theta"] == 500_000.0


@pytest.mark.parametrize(("shape", "layers"), [(NLLB_1_3B, 24), (NLLB_600M, 12)])
def test_nllb_has_the_published_size(shape, layers):
    with torch.device("meta"):
        model = M2M100ForConditionalGeneration(M2M100Config(**shape))
    feed_forward = 2 * 1024 * shape["encoder_ffn_dim"] + shape["encoder_ffn_dim"] + 1024
    attention, norm = 4 * (1024 * 1024 + 1024), 2 * 1024
    encoder = attention + feed_forward + 2 * norm
    decoder = 2 * attention + feed_forward + 3 * norm
    expected = 256206 * 1024 + layers * (encoder + decoder) + 2 * norm
    assert sum(p.numel() for p in model.parameters()) == expected
    assert expected == {24: 1_370_638_336, 12: 615_073_792}[layers]


@pytest.mark.parametrize(
    ("build", "smaller"),
    [(build_mt5_large, SMALL_MT5), (build_llama_3_2_1b, SMALL_LLAMA), (build_nllb, SMALL_NLLB)],
)
def test_every_tensor_is_filled_and_the_same_each_time(build, smaller, monkeypatch):
    monkeypatch.setattr(random_weights, "DRAWN", 997)  # so that tensors take more than one block
    model, _ = build(**smaller)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            assert (parameter == (0 if name.endswith("bias") else 1)).all(), name
        else:
            assert parameter.std().item() == pytest.approx(SPREAD, rel=0.3), name
            assert len(parameter.unique(dim=0)) == len(parameter), name
    again = build(**smaller)[0].state_dict()
    assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())


def test_random_state_of_the_caller_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_mt5_large(**SMALL_MT5)
    assert torch.equal(torch.rand(3), expected)


def test_small_llama_ties_its_output_to_its_embeddings_and_answers():
    model, tokenizer = build_llama_3_2_1b(**SMALL_LLAMA)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    ids = tokenizer("rain", return_tensors="pt")["input_ids"]
    assert model(input_ids=ids).logits.isfinite().all()
    assert tokenizer.decode(tokenizer("Regen ist naß").input_ids) == "Regen ist naß"
    assert model.config.eos_token_id == tokenizer.eos_token_id


def test_small_mt5_reads_text_through_the_encoder():
    encoder = MultilingualEncoder(*build_mt5_large(**SMALL_MT5))
    encoded = encoder(["වැස්ස", "rain"])
    assert encoded.layer_states.shape[2:] == (3, 32)
    assert encoded.layer_states.isfinite().all()
    assert [token.text for token in encoded.tokens[1]][-2:] == ["n", "</s>"]
    assert not any(token.unknown for token in encoded.tokens[0])


def test_small_nllb_writes_as_long_as_it_is_told_to_and_knows_two_languages():
    model, tokenizer = build_nllb(**SMALL_NLLB)
    model.generation_config.min_new_tokens = 6
    written = []
    model.register_forward_hook(lambda *_: written.append(1))
    translator = Translator(model, tokenizer, name="random:nllb-1.3b", beams=2, max_new_tokens=6)
    assert len(translator.translate(["වැස්ස", "හිම"], "si")) == 2
    assert len(written) == 6
    with pytest.raises(ConfigError, match="has no token for German"):
        translator.check_languages(["si", "de"])


def test_all_are_named_among_the_models_made_in_memory():
    assert BUILT["random:mt5-large"] == ("encoder", build_mt5_large)
    assert BUILT["random:llama-3.2-1b"] == ("LLM", build_llama_3_2_1b)
    assert BUILT["random:nllb-1.3b"] == ("translator", build_nllb)
    assert BUILT["random:nllb-600m"] == ("translator", build_nllb_600m)


@pytest.mark.parametrize(
    ("load", "reference", "message"),
    [
        (load_llm, "random:mt5-large", r"Unknown random LLM 'random:mt5-large'. .*random:llama-3\.2-1b\."),
        (
            load_encoder,
            "random:mt5",
            r"Unknown random encoder 'random:mt5'. Did you mean 'random:mt5-large'\?",
        ),
    ],
)
def test_what_is_not_among_them_is_refused(load, reference, message):
    with pytest.raises(ModelError, match=message):
        load(reference)
