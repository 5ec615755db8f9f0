"""Turn SmolLM2's GGUF file into a Hugging Face model and tokenizer."""

from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from fusion_demo.compiled import write_graph
from fusion_demo.pretrained.fingerprint import fingerprint


def convert_llm(source: Path, folder: Path) -> None:
    """Write the LLM of a GGUF file to `folder`: an ordinary Hugging Face model in float32, and its graph."""
    dequantised = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    # A model read from GGUF remembers its blocks and refuses to be saved.
    model = AutoModelForCausalLM.from_config(dequantised.config, dtype=torch.float32)
    model.load_state_dict(dequantised.state_dict())
    model.save_pretrained(folder)

    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    # The file names its split only by the word "smollm": every digit alone, then GPT-2's rule.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.model_max_length = model.config.max_position_embeddings
    tokenizer.save_pretrained(folder)
    write_graph(model.eval(), folder, fingerprint=fingerprint(model, tokenizer))
