"""Batches of texts of like length, so that little is computed on padding."""

from collections.abc import Sequence

from fusion_demo.tokens import Text


def text_length(text: Text) -> int:
    """Return the length of a text in characters; of a pair, that of both parts together."""
    return len(text) if isinstance(text, str) else sum(map(len, text))


def batches_by_length(texts: Sequence[Text], batch_size: int) -> list[list[int]]:
    """Return the indices of all texts, the shortest first, in batches; the last one may be smaller.

    Example: ("aaa", "b", "cc") in batches of 2 -> [[1, 2], [0]].
    """
    order = sorted(range(len(texts)), key=lambda index: text_length(texts[index]))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
