"""The paper's models in their full published size, with random weights: for dry runs and benchmarks.

    random:mt5-large      the encoder half of google/mt5-large: 24 layers, width 1024, 564 million weights
    random:llama-3.2-1b   meta-llama/Llama-3.2-1B-Instruct: 16 layers, width 2048, 1,236 million weights
    random:nllb-1.3b      facebook/nllb-200-1.3B: 24 + 24 layers, width 1024, 1,371 million weights
    random:nllb-600m      facebook/nllb-200-distilled-600M: 12 + 12 layers, width 1024, 615 million weights

They take the memory and time of the real ones and know nothing, so no checkpoint is trained between them.
Each has a byte-level tokeniser in place of its own: several times as many tokens a text, which makes what a
dry run shows an upper bound. The numbers are those of the models' config.json on the hub.
"""

from typing import Any

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MT5Config,
    MT5EncoderModel,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.initialization import no_init_weights

from fusion_demo.pretrained.tiny import CHAT_TEMPLATE, byte_tokenizer

PREFIX = "random:"

MT5_LARGE: dict[str, Any] = {
    "vocab_size": 250112,
    "d_model": 1024,
    "d_kv": 64,
    "d_ff": 2816,
    "num_layers": 24,
    "num_heads": 16,
    "relative_attention_num_buckets": 32,
    "feed_forward_proj": "gated-gelu",
    "layer_norm_epsilon": 1e-6,
}
LLAMA_3_2_1B: dict[str, Any] = {
    "vocab_size": 128256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
    "tie_word_embeddings": True,
}
NLLB_1_3B: dict[str, Any] = {
    "vocab_size": 256206,
    "d_model": 1024,
    "encoder_layers": 24,
    "decoder_layers": 24,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "encoder_ffn_dim": 8192,
    "decoder_ffn_dim": 8192,
    "max_position_embeddings": 1024,
    "scale_embedding": True,
    "tie_word_embeddings": True,
}
NLLB_600M: dict[str, Any] = NLLB_1_3B | {
    "encoder_layers": 12,
    "decoder_layers": 12,
    "encoder_ffn_dim": 4096,
    "decoder_ffn_dim": 4096,
}
SPREAD = 0.02
"""Standard deviation of the weights, Llama's own at its start; the norms' weights are 1, biases 0."""

DRAWN = 4_194_301
"""Random numbers drawn for all tensors of a model together, a prime, so that no two rows are alike."""


def build_mt5_large(**smaller: Any) -> tuple[MT5EncoderModel, PreTrainedTokenizerFast]:
    """Return the encoder of mT5-Large with random weights, and a byte-level tokeniser in T5's form.

    Args:
        smaller: Options of the configuration to replace.
    """
    fast = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(("<pad>", "</s>", "<unk>"), closed_by="</s>", word_marks=True),
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    return _build(MT5EncoderModel, MT5Config(**MT5_LARGE | smaller)), fast


def build_llama_3_2_1b(**smaller: Any) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Return Llama 3.2 1B with random weights, and a byte-level tokeniser with a chat template.

    Args:
        smaller: Options of the configuration to replace.
    """
    special = ("<|begin|>", "<|end|>", "<|pad|>", "<|user|>", "<|assistant|>")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(special),
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        chat_template=CHAT_TEMPLATE,
    )
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    return _build(LlamaForCausalLM, LlamaConfig(**LLAMA_3_2_1B | ids | smaller)), fast


def build_nllb(**smaller: Any) -> tuple[M2M100ForConditionalGeneration, PreTrainedTokenizerFast]:
    """Return NLLB 1.3B with random weights, and a byte-level tokeniser that knows Sinhala and English.

    Args:
        smaller: Options of the configuration to replace.
    """
    special = ("<s>", "<pad>", "</s>", "<unk>", "sin_Sinh", "eng_Latn")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(special, closed_by="</s>", word_marks=True),
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    ids = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    return _build(M2M100ForConditionalGeneration, M2M100Config(**NLLB_1_3B | ids | smaller)), fast


def build_nllb_600m() -> tuple[M2M100ForConditionalGeneration, PreTrainedTokenizerFast]:
    """Return the distilled NLLB of 600 million weights, random ones, and the tokeniser of `build_nllb`."""
    return build_nllb(**NLLB_600M)


def _build(model_class: type[PreTrainedModel], config: PreTrainedConfig) -> Any:
    """Build a model, filled with copies of one block of random numbers: to draw all takes half a minute."""
    with no_init_weights():
        model = model_class(config)
    model.tie_weights()
    block = torch.randn(DRAWN, generator=torch.Generator().manual_seed(0)) * SPREAD
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            for chunk in parameter.view(-1).split(DRAWN):
                chunk.copy_(block[: len(chunk)])
    return model.eval()
