"""The pieces an encoder's tokeniser cuts a text into, and the words they belong to."""

import re
from dataclasses import dataclass

from tokenizers import Encoding

Text = str | tuple[str, str]
"""What a bridge reads: one text, or two that belong together, as a premise and its hypothesis."""

SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
"""Thai, Lao, Burmese, Khmer, kana and Han: written without spaces, so each piece is its own word."""

WORD_MARK = "▁"
"""SentencePiece's mark for "a space stood here"."""

SPACE_PIECES = frozenset({WORD_MARK, "Ġ"})
"""Pieces that are nothing but a space, of SentencePiece and of byte-level tokenisers."""


@dataclass(frozen=True)
class Token:
    """One piece of a text as the encoder reads it.

    Attributes:
        text: The piece as a reader sees it, cut from the text itself where possible.
        word: Index of the word it belongs to, counted from 0; -1 for special tokens.
        special: True for tokens such as `<s>` that stand for no part of the text.
        unknown: True where the encoder has no piece for this part of the text.
    """

    text: str
    word: int
    special: bool = False
    unknown: bool = False


def read_tokens(text: str, encoding: Encoding, unknown_id: int | None, skip: int = 0) -> list[Token]:
    """Turn a tokeniser's encoding into tokens, padding left out.

    Words are what white space separates; in scripts written without spaces every piece is a
    word. White space is the one rule that cuts no Indic word at its vowel signs.

    Args:
        text: The text that was encoded.
        encoding: The encoding, with offsets in characters of `text`.
        unknown_id: The id of the unknown piece, if the tokeniser has one.
        skip: Leave out the tokens that lie within this many characters at the start.

    Example: "good day" cut into ▁go, od, ▁day -> ("go", word 0), ("od", word 0), ("day", word 1).
    """
    tokens: list[Token] = []
    word, reached, space, alone = -1, skip, True, False
    for i, (left, right) in enumerate(encoding.offsets[: sum(encoding.attention_mask)]):
        piece = encoding.tokens[i]
        if encoding.special_tokens_mask[i]:
            tokens.append(Token(piece, -1, special=True))
            continue
        if right <= skip:
            continue
        if piece in SPACE_PIECES:
            # White space on its own opens the word that follows. Tokenisers that put it in front of a
            # text give it the first character's place.
            tokens.append(Token(WORD_MARK, word + 1))
            reached, space = max(reached, left), True
            continue
        # Pieces that share a character (bytes of one emoji) cannot each show it.
        shared = left < reached and word >= 0
        covered = "" if shared else text[max(left, skip) : right]
        surface = covered.strip()
        space = space or any(c.isspace() for c in text[reached:left] + covered[:1])
        spaceless = SPACELESS.search(surface) is not None
        if space or alone or spaceless:
            word += 1
        shown = surface or piece.replace(WORD_MARK, "") or WORD_MARK
        tokens.append(Token(shown, word, unknown=encoding.ids[i] == unknown_id))
        reached, space, alone = max(reached, right), False, spaceless
    return tokens
