"""What is taken from the keyboard or a file: bounded, composed, and without what no reader sees."""

import unicodedata
from collections.abc import Sequence

from fusion_demo.errors import InputError
from fusion_demo.tokens import WORD_MARK, Token

MAX_CHARACTERS = 5_000
"""Longest text taken, unless `limit_characters` says otherwise.

The encoder reads only its first few hundred tokens, and the page says so.
"""

BIDI_CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
BYTE_ORDER_MARK = "\ufeff"


_limit = MAX_CHARACTERS


def limit_characters(limit: int) -> None:
    """Set the longest text taken, for the whole process; the page does so once, before it opens."""
    global _limit
    _limit = limit


def longest_text() -> int:
    """Return the longest text taken, in characters."""
    return _limit


def readable_text(text: str, name: str = "text") -> tuple[str, int]:
    """Return a text as `visible_text` leaves it, and how many characters were left out.

    Args:
        text: As it was typed.
        name: What a message calls it.

    Raises:
        InputError: the text is longer than `longest_text()`, or nothing visible is left.
    """
    check_length(text, name)
    readable, removed = visible_text(text)
    check_length(readable, name)  # a few letters are longer when they are composed
    if all(unicodedata.category(character)[0] in "ZCM" for character in readable):
        raise InputError(f"There is no {name} to read. Type or paste a sentence in any language.")
    return readable, removed


def check_length(text: str, name: str = "text") -> None:
    """Refuse a text that is longer than `longest_text()`.

    Raises:
        InputError: it is.
    """
    if len(text) > _limit:
        raise InputError(
            f"The {name} has {len(text):,} characters; at most {_limit:,} can be read. "
            "Shorten it: its first sentences are enough."
        )


def visible_text(text: str) -> tuple[str, int]:
    """Return a text, composed, without what no reader sees and no model should get, and how much that was.

    Left out: control characters, lone halves of surrogate pairs, bidirectional overrides and
    isolates, byte order marks. White space of any kind and length becomes one space. Joiners and
    zero-width spaces stay, since Sinhala, Persian and Khmer are written with them.

    Example: " a\\x00b\\n\\nc" -> ("ab c", 1).
    """
    kept = "".join(character for character in text if character.isspace() or not _is_control(character))
    return composed(" ".join(kept.split())), len(text) - len(kept)


def composed(text: str) -> str:
    """Return a text with letters and their marks as one character where there is one (Unicode's NFC).

    Keyboards and files have either form, and readers see no difference. Models do: most vocabularies know
    the composed form alone.
    """
    return unicodedata.normalize("NFC", text)


def check_known(tokens: Sequence[Token], name: str = "text") -> None:
    """Refuse a text of which the encoder has read nothing.

    Args:
        tokens: The encoder's tokens of the text.
        name: What a message calls it.

    Raises:
        InputError: there is no token that the encoder knows.
    """
    if all(token.special or token.unknown or token.text == WORD_MARK for token in tokens):
        raise InputError(
            f"The encoder knows none of the characters in this {name}. Write some words in any language."
        )


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") or character in BIDI_CONTROLS + BYTE_ORDER_MARK
