import io
import json
import logging
import subprocess
import sys

import pytest
import torch
from sentencepiece import SentencePieceTrainer
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    CLIPVisionConfig,
    CLIPVisionModel,
    GPT2Config,
    GPT2LMHeadModel,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from fusion_demo.errors import ModelError
from fusion_demo.pretrained import load
from fusion_demo.pretrained.embedded import EMBEDDED
from fusion_demo.pretrained.load import load_encoder, load_llm, load_translator
from fusion_demo.pretrained.tiny import build_tiny_encoder, build_tiny_llm

BERT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}
PAIR = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
}

ENCODERS = {
    "bert": (BertForMaskedLM, BertConfig(vocab_size=300, **BERT), "BertModel"),
    "xlm-roberta": (XLMRobertaForMaskedLM, XLMRobertaConfig(vocab_size=300, **BERT), "XLMRobertaModel"),
    "t5": (T5ForConditionalGeneration, T5Config(vocab_size=300, **T5), "T5EncoderModel"),
    "mt5": (MT5ForConditionalGeneration, MT5Config(vocab_size=300, **T5), "MT5EncoderModel"),
    "umt5": (UMT5ForConditionalGeneration, UMT5Config(vocab_size=300, **T5), "UMT5EncoderModel"),
    "m2m100": (M2M100ForConditionalGeneration, M2M100Config(vocab_size=300, **PAIR), "M2M100Encoder"),
    "bart": (BartForConditionalGeneration, BartConfig(vocab_size=300, **PAIR), "BartEncoder"),
}


def save(folder, model, tokenizer):
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model.eval()


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def bert_folder(tmp_path):
    """A saved tiny BERT."""
    save(tmp_path / "bert", *build_tiny_encoder())
    return tmp_path / "bert"


@pytest.fixture
def llm_folder(tmp_path):
    """A saved tiny Llama."""
    save(tmp_path / "llm", *build_tiny_llm())
    return tmp_path / "llm"


@pytest.mark.parametrize("family", ENCODERS)
def test_the_encoder_of_every_family_gives_the_states_of_the_whole_model(family, tmp_path, caplog):
    model_class, config, wanted_class = ENCODERS[family]
    torch.manual_seed(0)
    whole = save(tmp_path, model_class(config), build_tiny_encoder()[1])
    with caplog.at_level(logging.WARNING):
        loaded = load_encoder(str(tmp_path))
    assert type(loaded.model).__name__ == wanted_class
    batch = loaded.tokenizer(["good day"], return_tensors="pt")
    inner = whole.base_model if family in ("bert", "xlm-roberta") else whole.get_encoder()
    with torch.no_grad():
        torch.testing.assert_close(
            loaded.model(**batch).last_hidden_state, inner(**batch).last_hidden_state, rtol=0, atol=1e-6
        )
    assert not any("pooler" in name or "decoder" in name for name, _ in loaded.model.named_parameters())
    assert caplog.text == ""


@pytest.mark.parametrize("loader", [load_encoder, load_llm])
def test_a_loaded_model_is_frozen_and_in_evaluation_mode(loader, bert_folder, llm_folder):
    loaded = loader(str(bert_folder if loader is load_encoder else llm_folder), dtype=torch.bfloat16)
    assert not loaded.model.training
    assert {p.dtype for p in loaded.model.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in loaded.model.parameters())


def test_every_load_of_the_same_weights_has_one_fingerprint(llm_folder):
    prints = {
        load_llm(str(llm_folder)).fingerprint,
        load_llm(str(llm_folder), dtype=torch.bfloat16).fingerprint,
        load_llm("tiny:llm").fingerprint,
        load_llm("tiny:llm", dtype=torch.bfloat16).fingerprint,
    }
    assert len(prints) == 1


def test_a_loaded_llm_gives_the_saved_ones_logits(llm_folder):
    model, tokenizer = build_tiny_llm()
    loaded = load_llm(str(llm_folder))
    batch = tokenizer("good day", return_tensors="pt")
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(**batch).logits, model(**batch).logits)
    assert loaded.reference == str(llm_folder)
    assert loaded.tokenizer.chat_template == tokenizer.chat_template


def test_a_tokenizer_without_padding_pads_with_its_end(tmp_path):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=build_tiny_llm()[1].backend_tokenizer, bos_token="<|begin|>", eos_token="<|end|>"
    )
    save(tmp_path, GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=16, n_layer=1, n_head=2)), tokenizer)
    loaded = load_llm(str(tmp_path))
    assert loaded.tokenizer.pad_token == "<|end|>"


def test_a_translator_keeps_its_decoder(tmp_path):
    model = save(tmp_path, BartForConditionalGeneration(ENCODERS["bart"][1]), build_tiny_encoder()[1])
    loaded = load_translator(str(tmp_path), dtype=torch.bfloat16)
    assert type(loaded.model) is type(model)
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.bfloat16}
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.fingerprint == load_translator(str(tmp_path)).fingerprint


def test_a_random_weight_is_refused_by_name(bert_folder):
    model, _ = build_tiny_encoder()
    state = model.state_dict()
    del state["encoder.layer.1.output.dense.bias"]
    model.save_pretrained(bert_folder, state_dict=state)
    with pytest.raises(ModelError, match=r"lack 1 tensors, which would be random: .*1\.output\.dense\.bias"):
        load_encoder(str(bert_folder))


def test_empty_embeddings_are_refused(bert_folder):
    model, _ = build_tiny_encoder()
    torch.nn.init.zeros_(model.embeddings.word_embeddings.weight)
    model.save_pretrained(bert_folder)
    with pytest.raises(ModelError, match=r"input embeddings of .* are all zero"):
        load_encoder(str(bert_folder))


@pytest.mark.parametrize(
    ("loader", "model", "message"),
    [
        (load_llm, BertForMaskedLM(ENCODERS["bert"][1]), r"\(bert\) is no causal language"),
        (load_llm, MT5ForConditionalGeneration(ENCODERS["mt5"][1]), r"\(mt5\) is no causal language"),
        (load_llm, BartForConditionalGeneration(ENCODERS["bart"][1]), r"\(bart\) is no causal language"),
        (load_encoder, build_tiny_llm()[0], r"\(llama\) is no text encoder"),
        (load_translator, build_tiny_llm()[0], r"\(llama\) is no translator.*nllb-200"),
        (load_translator, BertForMaskedLM(ENCODERS["bert"][1]), r"\(bert\) is no translator"),
    ],
)
def test_a_model_of_the_wrong_kind_is_refused(loader, model, message, tmp_path):
    save(tmp_path, model, build_tiny_encoder()[1])
    with pytest.raises(ModelError, match=message):
        loader(str(tmp_path))


@pytest.mark.parametrize(
    ("loader", "what"), [(load_llm, "causal language model"), (load_encoder, "text encoder")]
)
def test_a_picture_model_is_refused(loader, what, tmp_path):
    save(tmp_path, CLIPVisionModel(CLIPVisionConfig(**BERT)), build_tiny_encoder()[1])
    with pytest.raises(ModelError, match=rf"\(clip_vision_model\) is no {what}"):
        loader(str(tmp_path))


def test_weights_cut_short_are_refused(bert_folder):
    weights = bert_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"could not be loaded: .* complete files"):
        load_encoder(str(bert_folder))


def test_pickled_weights_are_not_read(bert_folder):
    (bert_folder / "model.safetensors").unlink()
    torch.save(build_tiny_encoder()[0].state_dict(), bert_folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="could not be loaded"):
        load_encoder(str(bert_folder))


def test_code_in_the_folder_is_not_run(bert_folder):
    config = json.loads((bert_folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (bert_folder / "config.json").write_text(json.dumps(config))
    (bert_folder / "own.py").write_text("raise SystemExit('run')")
    with pytest.raises(ModelError, match="could not be loaded"):
        load_encoder(str(bert_folder))


def test_a_missing_tokenizer_is_refused(bert_folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bert_folder / name).unlink()
    with pytest.raises(ModelError, match="has 5 pieces, the weights have 260 embeddings: its files"):
        load_encoder(str(bert_folder))


def test_another_models_tokenizer_is_refused(tmp_path):
    save(tmp_path, BertForMaskedLM(BertConfig(vocab_size=100, **BERT)), build_tiny_encoder()[1])
    with pytest.raises(ModelError, match="has 260 pieces, the weights have 100 embeddings"):
        load_encoder(str(tmp_path))


def test_a_tokenizer_without_offsets_is_refused(tmp_path):
    """M2M100's own tokenizer is written in Python and gives none."""
    model = M2M100ForConditionalGeneration(M2M100Config(vocab_size=300, **PAIR))
    model.save_pretrained(tmp_path)
    spiece = io.BytesIO()
    sentences = iter(["good day to the dog", "a day"])
    SentencePieceTrainer.train(sentence_iterator=sentences, model_writer=spiece, vocab_size=15, minloglevel=2)
    (tmp_path / "sentencepiece.bpe.model").write_bytes(spiece.getvalue())
    (tmp_path / "vocab.json").write_text(json.dumps({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "▁a": 4}))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "M2M100Tokenizer"}')
    with pytest.raises(ModelError, match=r"gives no character offsets.*facebook/nllb-200-distilled-600M"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize(
    ("loader", "reference", "message"),
    [
        (load_encoder, "embedded:multilingual-e5-smal", "Did you mean 'multilingual-e5-small'"),
        (load_llm, "embedded:multilingual-e5-small", "is no LLM: it is the encoder. Available: embedded:s"),
        (load_encoder, "tiny:llm", "Unknown tiny encoder 'tiny:llm'. Available: tiny:encoder"),
        (load_llm, "tiny:llms", "Did you mean 'tiny:llm'"),
        (load_translator, "embedded:multilingual-e5-small", "is no translator: .* Available: a hub id or a"),
        (load_translator, "some/translator", "translator 'some/translator' could not be loaded: .*a folder"),
        (load_encoder, "./nowhere", "There is no folder './nowhere'"),
        (load_encoder, "/no/where", "There is no folder '/no/where'"),
        (load_llm, "one/two/three", "There is no folder 'one/two/three'"),
        (load_llm, "not a name", "LLM 'not a name' could not be loaded: .*embedded:smollm2"),
        (load_encoder, "some/encoder", "encoder 'some/encoder' could not be loaded: .*embedded:mult"),
    ],
)
def test_a_wrong_reference_is_refused_with_advice(loader, reference, message):
    with pytest.raises(ModelError, match=message):
        loader(reference)


def test_a_folder_without_config_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"holds no config\.json\. Give a folder with config\.json"):
        load_encoder(str(tmp_path))


def test_an_embedded_reference_loads_what_was_converted(index, monkeypatch, e5_parts):
    monkeypatch.setitem(EMBEDDED, index.model.name, index.model)
    loaded = load_encoder("embedded:tiny-e5")
    assert loaded.reference == "embedded:tiny-e5"
    position = torch.tensor(e5_parts.tensors["emb.pos"])
    assert torch.equal(loaded.model.embeddings.position_embeddings.weight, position)
    assert load_encoder("embedded:tiny-e5").fingerprint == loaded.fingerprint


def test_importing_the_room_is_cheap():
    code = "import sys, fusion_demo.pretrained as room; print('transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_room_has_no_other_names():
    import fusion_demo.pretrained as room

    assert room.load_llm is load.load_llm
    with pytest.raises(AttributeError, match="no attribute 'load_decoder'"):
        _ = room.load_decoder
