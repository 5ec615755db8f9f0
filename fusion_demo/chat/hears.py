"""What the LLM hears: the words of its own vocabulary that lie nearest to each soft token.

The soft tokens stand where the LLM's input embeddings stand, so the nearest of these, by cosine, say in
English what the LLM may take each of them for. It is a view from outside: no word is ever picked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from fusion_demo.bridge import FusionBridge
from fusion_demo.llm import FrozenLLM
from fusion_demo.pooling import word_groups
from fusion_demo.soft_tokens import SoftTokens
from fusion_demo.tokens import WORD_MARK, Token

SPACES = ("Ġ", WORD_MARK)
"""What the pieces of byte-level tokenisers and of SentencePiece begin with where a space stood."""

ROWS = 4096
"""Rows of the vocabulary compared at a time: a few megabytes, whatever its size."""

SPELLINGS = 4
"""At most so many words differ in case only: "the", "The", "THE"."""

_WORDS: "WeakKeyDictionary[FrozenLLM, tuple[Tensor, list[str]]]" = WeakKeyDictionary()
"""The readable words of each LLM, listed once: it takes about a second."""


@dataclass(frozen=True)
class Heard:
    """One soft token and what it sounds like.

    Attributes:
        text: The part of the message that it stands for; empty where it stands for the whole.
        word: Index of the word that the part belongs to; -1 for a special token and for the whole.
        special: Whether it is a special token of the encoder.
        nearest: The nearest words of the LLM's vocabulary, each with its cosine, nearest first.
    """

    text: str
    word: int
    special: bool
    nearest: tuple[tuple[str, float], ...]


def hear(bridge: FusionBridge, soft: SoftTokens, count: int) -> list[Heard]:
    """Return what each soft token of a single text sounds like, in the order in which the LLM reads them.

    Args:
        bridge: The bridge that made them.
        soft: The very soft tokens that the LLM read.
        count: How many words to name for each.
    """
    parts = [Heard("", -1, False, ())] * soft.summaries
    parts += _parts(soft.tokens[0], bridge.config.soft_token_unit)
    nearest = nearest_words(bridge.llm, soft.embeddings[0][soft.mask[0]], count)
    return [
        Heard(part.text, part.word, part.special, tuple(words))
        for part, words in zip(parts, nearest, strict=True)
    ]


@torch.no_grad()
def nearest_words(llm: FrozenLLM, vectors: Tensor, count: int) -> list[list[tuple[str, float]]]:
    """Return the words of the LLM's vocabulary that are nearest to each vector, by cosine.

    Only whole readable words count: tokens that begin with a space and are letters. Of words that differ
    in case only, the nearest is named.

    Args:
        llm: The LLM.
        vectors: (S, E) in its input space.
        count: How many words to name; fewer if the vocabulary has no more.

    Returns:
        For each of the S vectors, words and cosines, nearest first.
    """
    if llm not in _WORDS:
        _WORDS[llm] = vocabulary_words(llm.tokenizer)
    ids, words = _WORDS[llm]
    best = vectors.new_empty(len(vectors), 0, dtype=torch.float32)
    rows = torch.empty(len(vectors), 0, dtype=torch.long, device=vectors.device)
    unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
    for start in range(0, len(ids), ROWS):
        chunk = llm.embed(ids[start : start + ROWS].to(vectors.device)).float()
        cosines = unit @ torch.nn.functional.normalize(chunk, dim=-1).T
        here = torch.arange(start, start + len(chunk), device=vectors.device).expand(len(vectors), -1)
        best, order = torch.cat([best, cosines], dim=1).sort(dim=1, descending=True, stable=True)
        best = best[:, : SPELLINGS * count]
        rows = torch.cat([rows, here], dim=1).gather(1, order[:, : SPELLINGS * count])
    return [
        _distinct([(words[row], cosine) for row, cosine in zip(*pair, strict=True)], count)
        for pair in zip(rows.tolist(), best.tolist(), strict=True)
    ]


def vocabulary_words(tokenizer: PreTrainedTokenizerBase) -> tuple[Tensor, list[str]]:
    """Return the ids (W,) and the spellings of the tokens that are whole words: a space, then letters.

    Example: of "Ġwater", "water", "Ġwa2", "Ġ" -> the first, as "water".
    """
    ids, words = [], []
    pieces = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    for token, piece in enumerate(pieces):
        if piece is None or not piece.startswith(SPACES):
            continue
        word = tokenizer.decode([token]).strip()
        if word.isalpha():
            ids.append(token)
            words.append(word)
    return torch.tensor(ids, dtype=torch.long), words


def _parts(tokens: Sequence[Token], unit: str) -> list[Heard]:
    """Return what the soft tokens behind the summaries stand for, without their nearest words."""
    if unit == "text":
        return []
    if unit == "token":
        return [Heard(token.text, token.word, token.special, ()) for token in tokens]
    groups = word_groups(tokens)
    parts = []
    for group in range(max(groups, default=-1) + 1):
        own = [token for token, number in zip(tokens, groups, strict=True) if number == group]
        text = "".join(token.text for token in own if token.text != WORD_MARK)
        parts.append(Heard(text or WORD_MARK, own[0].word, own[0].special, ()))
    return parts


def _distinct(words: list[tuple[str, float]], count: int) -> list[tuple[str, float]]:
    """Keep the first of words that differ in case only."""
    kept: dict[str, tuple[str, float]] = {}
    for word, cosine in words:
        kept.setdefault(word.casefold(), (word, cosine))
    return list(kept.values())[:count]
