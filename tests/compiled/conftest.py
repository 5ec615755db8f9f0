"""Tiny LLMs whose weights come from GGUF's formats of 4 and 8 bits, as the embedded one's do."""

import gguf
import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from fusion_demo.compiled import CompiledLLM, write_graph
from fusion_demo.pretrained.tiny import build_tiny_llm

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 2048,
    "initializer_range": 0.2,
    "tie_word_embeddings": True,
}
FAMILIES = {
    "llama": (LlamaForCausalLM, LlamaConfig, {}),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, {}),
    "mistral": (MistralForCausalLM, MistralConfig, {"sliding_window": None}),
    "gemma3": (
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        {"sliding_window": 512, "layer_types": ["sliding_attention", "full_attention"]},
    ),
}


def repack(weight: torch.Tensor, kind: gguf.GGMLQuantizationType) -> torch.Tensor:
    """Return a weight as the `gguf` package unpacks it, after packing it."""
    packed = gguf.quants.quantize(weight.numpy(), kind)
    return torch.from_numpy(gguf.quants.dequantize(packed, kind))


@torch.no_grad()
def build_packed_llm(family: str = "llama") -> PreTrainedModel:
    """Return a random LLM with the tiny tokeniser's vocabulary; embeddings in 8 bits, the rest in 4."""
    model_class, config_class, changes = FAMILIES[family]
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        config = config_class(vocab_size=len(build_tiny_llm()[1]), **SHAPE | ids | changes)
        model = model_class(config).eval().requires_grad_(False)
    table = model.get_input_embeddings().weight
    for parameter in model.parameters():
        if parameter.dim() == 2:
            kinds = gguf.GGMLQuantizationType
            parameter.copy_(repack(parameter, kinds.Q8_0 if parameter is table else kinds.Q4_1))
    return model


@pytest.fixture(scope="session", params=FAMILIES)
def packed_llm(request):
    """A packed LLM of each family."""
    return build_packed_llm(request.param)


@pytest.fixture(scope="session")
def compiled_llm(packed_llm, tmp_path_factory):
    """The same LLM's graph."""
    folder = tmp_path_factory.mktemp("graph")
    assert write_graph(packed_llm, folder, fingerprint="f1")
    return CompiledLLM(folder / "openvino_llm.xml", fingerprint="f1")
