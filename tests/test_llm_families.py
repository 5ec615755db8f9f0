"""LLMs of other families behind the bridge: what the loss, the scores and the answers are there."""

import pytest
import torch
from transformers import (
    BertGenerationConfig,
    BertGenerationDecoder,
    BloomConfig,
    BloomForCausalLM,
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3nForCausalLM,
    Gemma3nTextConfig,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    MptConfig,
    MptForCausalLM,
    Qwen3_5ForCausalLM,
    Qwen3_5TextConfig,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from fusion_demo import decoding
from fusion_demo.bridge import FusionBridge
from fusion_demo.config import BridgeConfig
from fusion_demo.decoding import Decoding
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import InputError, ModelError
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.tiny import build_tiny_encoder, build_tiny_llm

SHAPE = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
GROUPED = {**SHAPE, "num_key_value_heads": 1, "head_dim": 12}

FAMILIES = {
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, GROUPED),
    "gemma": (GemmaForCausalLM, GemmaConfig, GROUPED),
    "gemma3": (Gemma3ForCausalLM, Gemma3TextConfig, {**GROUPED, "sliding_window": 512}),
    "mistral": (MistralForCausalLM, MistralConfig, {**GROUPED, "sliding_window": None}),
    "gpt-neox": (GPTNeoXForCausalLM, GPTNeoXConfig, SHAPE),
    "gpt2": (GPT2LMHeadModel, GPT2Config, {"n_embd": 24, "n_layer": 2, "n_head": 2}),
    "gemma3-multimodal": (Gemma3ForConditionalGeneration, Gemma3Config, GROUPED),
    "bloom": (BloomForCausalLM, BloomConfig, {"hidden_size": 24, "n_layer": 2, "n_head": 2}),
    "mamba": (MambaForCausalLM, MambaConfig, {"hidden_size": 24, "num_hidden_layers": 2, "state_size": 4}),
    "mpt": (MptForCausalLM, MptConfig, {"d_model": 24, "n_layers": 2, "n_heads": 2}),
    "qwen3.5": (
        Qwen3_5ForCausalLM,
        Qwen3_5TextConfig,
        {
            **GROUPED,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
        },
    ),
}
PLAIN = {"bloom": "continuations side by side", "mamba": "a mask", "mpt": "a mask", "qwen3.5": "a mask"}
"""Families that are read the plain way, and what they lack."""
TEXTS = ["good day", "ලංකා", "a much longer text than the other two"]
LABELS = ["sports", "science and technology", "a"]


def build_model(model_class, config_class, size, shape):
    if config_class is Gemma3Config:
        vision = {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 16,
        }
        config = Gemma3Config(text_config=Gemma3TextConfig(vocab_size=size, **shape), vision_config=vision)
    else:
        config = config_class(vocab_size=size, **shape)
    model = model_class(config)
    for parameter in model.parameters():
        # Norms are left as they begin; scales that begin at zero are not: they would hide what they scale.
        if parameter.dim() > 1 or not parameter.any():
            parameter.data.normal_(std=0.3)
    return model


def build_bridge(family: str, **changes) -> FusionBridge:
    model_class, config_class, shape = FAMILIES[family]
    tokenizer = build_tiny_llm()[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(model_class, config_class, len(tokenizer), shape | changes)
        config = BridgeConfig(
            encoder="tiny:encoder", llm=family, fusion="transformer-softmax", fusion_heads=2
        )
        return FusionBridge(
            config, MultilingualEncoder(*build_tiny_encoder()), FrozenLLM(model, tokenizer)
        ).eval()


@torch.no_grad()
def sequence_of(bridge, text, frame):
    """What the LLM reads of one text, put together by hand: (1, S, E)."""
    encoded = bridge.encoder([text])
    soft = bridge.projection(bridge.fusion(encoded.layer_states, encoded.mask).fused)
    embed = bridge.llm.model.get_input_embeddings()
    before, after = (embed(torch.tensor([ids], dtype=torch.long)) for ids in (frame.before, frame.after))
    return torch.cat([before, soft, bridge.projection.boundary[None, None], after], dim=1)


def add(bridge, sequence, token):
    return torch.cat([sequence, bridge.llm.model.get_input_embeddings()(torch.tensor([[token]]))], dim=1)


@torch.no_grad()
def reference_log_likelihood(bridge, text, answer, frame):
    """Token by token, without cache, mask, padding or branches."""
    sequence, total = sequence_of(bridge, text, frame), 0.0
    for token in frame.answer_ids(bridge.llm.tokenizer, answer):
        logits = bridge.llm.model(inputs_embeds=sequence, use_cache=False).logits[0, -1]
        total += torch.log_softmax(logits, dim=-1)[token].item()
        sequence = add(bridge, sequence, token)
    return total


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_and_loss_equal_the_slow_reference(family):
    bridge = build_bridge(family)
    frame = bridge.frame("Which topic?", "Category: ")
    expected = [[reference_log_likelihood(bridge, text, label, frame) for label in LABELS] for text in TEXTS]
    scores = bridge.score_labels(TEXTS, LABELS, frame).log_likelihoods
    torch.testing.assert_close(scores, torch.tensor(expected), rtol=0, atol=1e-4)
    tokens = sum(len(frame.answer_ids(bridge.llm.tokenizer, label)) for label in LABELS)
    own = sum(expected[i][i] for i in range(len(TEXTS)))
    assert bridge(TEXTS, LABELS, frame).item() == pytest.approx(-own / tokens, abs=1e-4)


@pytest.mark.parametrize("round_tokens", [2, 16])
@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_greedy_answers_equal_the_slow_reference(family, round_tokens, monkeypatch):
    monkeypatch.setattr(decoding, "ROUND_TOKENS", round_tokens)
    bridge = build_bridge(family)
    frame = bridge.frame("Which topic?", "Category: ")
    answers = bridge.generate(TEXTS, frame, Decoding(max_new_tokens=6))
    for text, answer in zip(TEXTS, answers, strict=True):
        sequence, ids = sequence_of(bridge, text, frame), []
        while len(ids) < 6 and bridge.llm.tokenizer.eos_token_id not in ids:
            logits = bridge.llm.model(inputs_embeds=sequence, use_cache=False).logits[0, -1]
            ids.append(logits.argmax().item())
            sequence = add(bridge, sequence, ids[-1])
        assert answer == bridge.llm.tokenizer.decode(ids, skip_special_tokens=True).strip()


@pytest.mark.parametrize("family", FAMILIES)
def test_soft_tokens_start_at_the_scale_that_the_llm_embeds_at(family):
    bridge = build_bridge(family)
    ids = torch.arange(len(bridge.llm.tokenizer))
    embedded = bridge.llm.model.get_input_embeddings()(ids).pow(2).mean().sqrt().item()
    assert bridge.llm.embedding_rms == pytest.approx(embedded, rel=1e-5)


def test_an_llm_of_sliding_windows_reads_no_further_than_one():
    bridge = build_bridge("gemma3", sliding_window=64, layer_types=["sliding_attention", "full_attention"])
    frame = bridge.frame("", "Category: ")
    assert bridge.llm.window == 64
    assert len(bridge.generate(["good day"], frame, Decoding(max_new_tokens=2))) == 1
    with pytest.raises(InputError, match=r"at most 64 tokens at a time; these would be \d+\. Give a shorter"):
        bridge.generate(["good day"], frame, Decoding(max_new_tokens=64))
    with pytest.raises(InputError, match="at most 64 tokens"):
        bridge.score_labels(["good day " * 40], LABELS, frame)


@pytest.mark.parametrize(
    ("family", "changes", "window"),
    [
        ("mistral", {"sliding_window": 32}, 32),
        ("qwen3", {"max_position_embeddings": 99, "sliding_window": 32}, 99),  # its layers do not use it
        ("gpt2", {"n_positions": 77}, 77),
    ],
)
def test_the_window_is_the_positions_or_the_narrowest_attention(family, changes, window):
    assert build_bridge(family, **changes).llm.window == window


@pytest.mark.parametrize("family", FAMILIES)
def test_what_an_llm_lacks_is_found_and_said(family, caplog):
    llm = build_bridge(family).llm
    assert llm.plain.startswith(PLAIN[family]) if family in PLAIN else llm.plain == ""
    if family in PLAIN:
        assert "reads and writes the plain way, slower but right" in caplog.text
    elif family == "gemma3-multimodal":
        assert "writes the plain way" in caplog.text
    else:
        assert (llm.plain_writing, caplog.text) == ("", "")


def test_the_window_of_a_multimodal_llm_is_that_of_its_text_model():
    assert (
        build_bridge("gemma3-multimodal", sliding_window=64, layer_types=["sliding_attention"] * 2).llm.window
        == 64
    )


def test_llms_that_read_more_than_embeddings_or_what_follows_are_refused():
    tokenizer = build_tiny_llm()[1]
    per_layer = {
        **GROUPED,
        "num_kv_shared_layers": 0,
        "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": len(tokenizer),
        "laurel_rank": 4,
        "layer_types": ["sliding_attention", "full_attention"],
        "intermediate_size": 32,
        "activation_sparsity_pattern": [0.0, 0.0],
    }
    model = build_model(Gemma3nForCausalLM, Gemma3nTextConfig, len(tokenizer), per_layer)
    with pytest.raises(
        ModelError, match=r"^The LLM \(gemma3n_text\) cannot be bridged: .*soft tokens have no ids"
    ):
        FrozenLLM(model.eval(), tokenizer)
    model = build_model(BertGenerationDecoder, BertGenerationConfig, len(tokenizer), SHAPE)
    with pytest.raises(
        ModelError, match=r"^The LLM \(bert-generation\) cannot be bridged: it is no causal LM"
    ):
        FrozenLLM(model.eval(), tokenizer)


def test_an_answer_ends_at_every_token_that_the_makers_name():
    bridge = build_bridge("qwen3")
    llm, frame = bridge.llm, bridge.frame("Which topic?", "Category: ")
    free = bridge.llm.generate(
        frame.before, llm.embed(torch.tensor([[40, 41]])), torch.ones(1, 2).bool(), Decoding(max_new_tokens=8)
    )[0].tolist()
    llm.model.generation_config.eos_token_id = [llm.tokenizer.eos_token_id, free[2]]
    assert free[2] in llm.end_ids
    for rows in (1, 2):
        written = llm.generate(
            frame.before,
            llm.embed(torch.tensor([[40, 41]] * rows)),
            torch.ones(rows, 2).bool(),
            Decoding(max_new_tokens=8),
        )
        assert written.tolist() == [free[: free.index(free[2]) + 1]] * rows
