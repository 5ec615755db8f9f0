"""Recognise a frozen model again: by its weights and its vocabulary, and by what shapes its input."""

import hashlib
import json
import struct

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

_CHUNK_VALUES = 1 << 22


@torch.no_grad()
def fingerprint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a SHA-256 in hexadecimal over all weights and the vocabulary.

    Every tensor counts with its name, its shape and its values rounded to bfloat16, so the
    same weights loaded as float32 or bfloat16, on any device, have one fingerprint. A tensor
    that has two names (tied embeddings) counts once, under the first of them in the alphabet.
    """
    digest = hashlib.sha256()
    seen: set[int] = set()
    for name, tensor in sorted(model.state_dict(keep_vars=True).items()):
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        digest.update(f"{name} {list(tensor.shape)}\n".encode())
        for chunk in tensor.detach().reshape(-1).split(_CHUNK_VALUES):
            rounded = chunk.to(torch.bfloat16).view(torch.int16).cpu().numpy()
            digest.update(rounded.astype("<i2", copy=False).data)
    for piece, index in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1]):
        encoded = piece.encode()
        digest.update(struct.pack("<II", index, len(encoded)) + encoded)
    return digest.hexdigest()


def input_fingerprint(tokenizer: PreTrainedTokenizerBase, defaults: GenerationConfig | None = None) -> str:
    """Return a SHA-256 in hexadecimal over what makes token ids of a text, but the vocabulary.

    These are the rules by which a text is normalised, cut and closed, the special tokens, the chat template,
    and the end tokens that the model generates with. Checkpoints from before there was this one lack it.

    Args:
        tokenizer: The model's tokenizer.
        defaults: What an LLM generates with by default.
    """
    rules = json.loads(tokenizer.backend_tokenizer.to_str()) if tokenizer.is_fast else {}
    facts = {
        "rules": {name: rules.get(name) for name in ("normalizer", "pre_tokenizer", "post_processor")},
        "merges": rules.get("model", {}).get("merges"),
        "special": {name: str(token) for name, token in tokenizer.special_tokens_map.items()},
        "added": {
            index: [token.content, token.special] for index, token in tokenizer.added_tokens_decoder.items()
        },
        "template": tokenizer.chat_template,
        "ends": getattr(defaults, "eos_token_id", None),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
