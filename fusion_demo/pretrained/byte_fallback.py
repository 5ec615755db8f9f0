"""Give T5's tokenizer back its byte pieces."""

import json

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase


def restore_byte_fallback(tokenizer: PreTrainedTokenizerBase) -> None:
    """Let a Unigram tokenizer that has a piece for every byte spell unknown characters with them.

    transformers builds T5's tokenizer with byte fallback switched off, so that a character
    outside mT5's vocabulary becomes `<unk>` although SentencePiece spells it as <0xF0> <0x9F> ...
    A vocabulary without byte pieces is left as it is.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = tokenizer.get_vocab()
    if state["model"]["type"] != "Unigram" or any(f"<0x{byte:02X}>" not in vocabulary for byte in range(256)):
        return
    state["model"]["byte_fallback"] = True
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state))
