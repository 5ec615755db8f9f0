"""Mend what transformers 5 gets wrong when it builds T5's tokenizer anew."""

import json

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase


def mend_t5_tokenizer(tokenizer: PreTrainedTokenizerBase, embedding_rows: int) -> None:
    """Let unknown characters be spelt in bytes, and drop sentinels that have no embedding.

    T5's tokenizer is built with byte fallback switched off, so that a character outside mT5's
    vocabulary becomes `<unk>` although SentencePiece spells it as <0xF0> <0x9F> ... And it adds
    100 sentinels `<extra_id_5>` unless told otherwise; in mT5 their ids lie beyond the last
    row of the embeddings, so a text that names one would fail.

    Args:
        tokenizer: A T5, mT5 or umT5 tokenizer; changed in place.
        embedding_rows: How many ids the encoder has embeddings for.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    if state["model"]["type"] != "Unigram":
        return
    pieces = state["model"]["vocab"]
    while len(pieces) > embedding_rows and pieces[-1][0].startswith("<extra_id_"):
        pieces.pop()
    state["added_tokens"] = [token for token in state["added_tokens"] if token["id"] < embedding_rows]
    names = {piece for piece, _ in pieces}
    state["model"]["byte_fallback"] = all(f"<0x{byte:02X}>" in names for byte in range(256))
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state))
