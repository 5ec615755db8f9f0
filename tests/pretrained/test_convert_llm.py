"""A random Llama written as GGUF by the `gguf` package, converted, and compared with the original."""

import copy

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from fusion_demo.compiled import CompiledLLM
from fusion_demo.pretrained import load_llm
from fusion_demo.pretrained.convert_llm import convert_llm

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["h e", "he l", "hel l", "hell o", "Ġ d", "Ġd a", "Ġda y", "Ġ Ġ"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def pieces() -> list[str]:
    return [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(m.replace(" ", "") for m in MERGES)]


@pytest.fixture(scope="module")
def original():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(pieces()),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=0.2,
    )
    return LlamaForCausalLM(config).eval()


def permuted(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """llama.cpp pairs the rotated dimensions as neighbours, transformers as halves."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def write_gguf(path, model):
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(pieces())
    writer.add_token_types([3 if piece in SPECIAL else 1 for piece in pieces()])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template(TEMPLATE)
    state = model.state_dict()
    writer.add_tensor("token_embd.weight", state["model.embed_tokens.weight"].numpy())
    writer.add_tensor("output_norm.weight", state["model.norm.weight"].numpy())
    for layer in range(config.num_hidden_layers):
        for name, stored in NAMES.items():
            weight = state[f"model.layers.{layer}.{name}.weight"]
            if stored == "attn_q":
                weight = permuted(weight, config.num_attention_heads)
            if stored == "attn_k":
                weight = permuted(weight, config.num_key_value_heads)
            writer.add_tensor(f"blk.{layer}.{stored}.weight", np.ascontiguousarray(weight.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def folder(original, tmp_path_factory):
    """The converted folder."""
    root = tmp_path_factory.mktemp("llm")
    write_gguf(root / "tiny.gguf", original)
    (root / "converted").mkdir()
    convert_llm(root / "tiny.gguf", root / "converted")
    return root / "converted"


def test_the_converted_llm_gives_the_originals_logits(folder, original):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.randint(0, original.config.vocab_size, (2, 11), generator=torch.manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, original(ids).logits)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_an_llm_of_random_weights_gets_no_graph(folder):
    assert load_llm(str(folder)).graph is None


@torch.no_grad()
def test_an_llm_of_packed_weights_gets_its_graph(original, tmp_path):
    packed = copy.deepcopy(original)
    kind = gguf.GGMLQuantizationType.Q4_1
    for parameter in packed.parameters():
        if parameter.dim() == 2:
            blocks = gguf.quants.quantize(parameter.numpy(), kind)
            parameter.copy_(torch.from_numpy(gguf.quants.dequantize(blocks, kind)))
    write_gguf(tmp_path / "tiny.gguf", packed)
    (tmp_path / "converted").mkdir()
    convert_llm(tmp_path / "tiny.gguf", tmp_path / "converted")
    loaded = load_llm(str(tmp_path / "converted"))
    reading = CompiledLLM(loaded.graph, fingerprint=loaded.fingerprint).start()
    ids = torch.tensor([[5, 40, 41]])
    logits = reading.read(loaded.model.get_input_embeddings()(ids))
    torch.testing.assert_close(logits, packed(ids).logits[:, -1], atol=1e-4, rtol=1e-4)


def test_special_tokens_template_and_length(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert (tokenizer.pad_token, tokenizer.unk_token) == ("<|im_end|>", "<|endoftext|>")
    assert tokenizer.model_max_length == 128
    text = tokenizer.apply_chat_template([{"role": "user", "content": "hello day"}], tokenize=False)
    assert text == "<|im_start|>user\nhello day<|im_end|>\n"
    assert tokenizer.tokenize(text)[0] == "<|im_start|>"


def test_no_token_is_added_and_text_comes_back(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "hello day\n  12 ශ්‍රී 🫠"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert not set(ids) & {0, 1, 2}


def test_digits_stand_alone_before_white_space_is_shared_out(folder):
    """Without that split GPT-2's rule gives one of two spaces to the digit: "Ġ", "Ġ", "5"."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("hello  57") == ["hello", "ĠĠ", "5", "7"]
