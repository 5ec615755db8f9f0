"""Recognise a frozen model again: one hash over its weights and its vocabulary."""

import hashlib
import struct

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

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
