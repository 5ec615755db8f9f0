"""A random encoder and a random LLM of a few thousand weights: the `tiny` preset, for tests.

Both are real architectures (BERT, Llama) behind real byte-level tokenisers, built in
milliseconds, offline, and the same on every machine.
"""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

ENCODER_LAYERS = 3
ENCODER_WIDTH = 16
LLM_WIDTH = 24

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build_tiny_encoder() -> tuple[BertModel, PreTrainedTokenizerFast]:
    """Return a random 3-layer BERT of width 16 and its tokeniser, which adds `<s>` and `</s>`."""
    special = ("<s>", "<pad>", "</s>", "<unk>")
    tokenizer = byte_tokenizer(special, opened_by="<s>", closed_by="</s>", word_marks=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=ENCODER_WIDTH,
        num_hidden_layers=ENCODER_LAYERS,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
        pad_token_id=1,
        initializer_range=0.2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BertModel(config, add_pooling_layer=False).eval(), fast


def build_tiny_llm() -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Return a random 2-layer Llama of width 24 and its tokeniser with a chat template."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(("<|begin|>", "<|end|>", "<|pad|>", "<|user|>", "<|assistant|>")),
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        chat_template=CHAT_TEMPLATE,
    )
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=LLM_WIDTH,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        initializer_range=0.2,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return LlamaForCausalLM(config).eval(), fast


def byte_tokenizer(
    special: tuple[str, ...], *, opened_by: str = "", closed_by: str = "", word_marks: bool = False
) -> Tokenizer:
    """Return a tokeniser with one piece a byte, behind the special tokens.

    Args:
        special: The special tokens; their ids count from 0.
        opened_by: The special token that opens every text, if any.
        closed_by: The special token that closes it, if any.
        word_marks: Put a space before the first word, too.
    """
    pieces = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=word_marks)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(special))
    if around := [token for token in (opened_by, closed_by) if token]:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{opened_by} $A {closed_by}".strip(),
            special_tokens=[(token, special.index(token)) for token in around],
        )
    return tokenizer
