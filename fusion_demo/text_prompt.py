"""The text itself as ordinary LLM tokens: what MindMerger's augmentation stage puts behind the soft tokens.

The LLM then has both: what the encoder understood, and what it can make of the text on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_demo.llm import FrozenLLM
from fusion_demo.tokens import Text


@dataclass(frozen=True)
class TextPrompt:
    """Texts as the LLM's own tokeniser cuts them.

    Attributes:
        ids: Token ids of each text.
        truncated: Whether a text has more tokens than were kept.
    """

    ids: list[list[int]]
    truncated: list[bool]


def read_text_prompt(llm: FrozenLLM, texts: Sequence[Text], max_tokens: int) -> TextPrompt:
    """Tokenise texts for the LLM; no part of them can act as one of its control tokens.

    Args:
        llm: The LLM that will read them.
        texts: B texts; the two of a pair stand on a line each.
        max_tokens: Tokens kept of each, from its beginning; of a pair, half of them of each text, and
            what one text leaves free for the other.
    """
    ids, truncated = [], []
    line_break = llm.text_ids("\n")
    for text in texts:
        parts = [llm.text_ids(part) for part in ([text] if isinstance(text, str) else text)]
        kept = _shares([len(part) for part in parts], max_tokens)
        joined: list[int] = []
        for part, length in zip(parts, kept, strict=True):
            joined += [*(line_break if joined else []), *part[:length]]
        ids.append(joined)
        truncated.append(sum(kept) < sum(map(len, parts)))
    return TextPrompt(ids, truncated)


def _shares(lengths: list[int], room: int) -> list[int]:
    """Return how much of each length fits: the shortest first, each at most an equal share of what is left.

    Example: `_shares([10, 2], 8)` -> [6, 2].
    """
    kept = [0] * len(lengths)
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for left, index in zip(range(len(lengths), 0, -1), order, strict=True):
        kept[index] = min(lengths[index], room // left)
        room -= kept[index]
    return kept
