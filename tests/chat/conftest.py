"""A tiny LLM whose vocabulary has words, which that of the preset has not."""

import json

import pytest
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.tiny import build_tiny_llm

PIECES = ["Ġwater", "ĠWater", "ĠWATER", "water", "Ġbook", "Ġrain", "Ġx2", "Ġ!", "ĠcafÃ©", "Ġ"]


@pytest.fixture(scope="session")
def word_llm() -> FrozenLLM:
    """The tiny LLM with `PIECES` in its vocabulary."""
    model, tokenizer = build_tiny_llm()
    state = json.loads(tokenizer._tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    for piece in PIECES:
        vocabulary.setdefault(piece, len(vocabulary))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        chat_template=tokenizer.chat_template,
    )
    model.config.vocab_size = len(fast)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return FrozenLLM(LlamaForCausalLM(model.config).eval(), fast)
