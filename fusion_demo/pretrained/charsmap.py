"""Write a table of character replacements in SentencePiece's "precompiled charsmap" format.

The format (sentencepiece, `src/normalizer.cc`): u32 byte length of a trie, the trie, then the
replacement strings in UTF-8, each closed by a zero byte. The trie is a Darts-clone double
array over UTF-8 bytes whose values are offsets into the replacement strings. `tokenizers`
reads it as `normalizers.Precompiled`, which costs one trie walk a character however long
the table is.

A unit of the double array is 32 bits: label in bits 0-7, "has a leaf" in bit 8, offset in
bits 10-30 (times 256 when bit 9 is set); a leaf holds its value with bit 31 set. The child of
the unit at p under byte c stands at p ^ offset ^ c, its leaf at p ^ offset.
"""

import struct
from collections.abc import Mapping

_HAS_LEAF = 1 << 8
_LEAF = 1 << 31
_MAX_OFFSET = 1 << 21


def build_charsmap(table: Mapping[str, str]) -> bytes:
    """Return the precompiled charsmap that replaces each character by its string.

    Args:
        table: Character to replacement, at least one; an empty replacement deletes the character. U+0000
            can be neither replaced nor written, it closes strings in this format.

    Example: `normalizers.Precompiled(build_charsmap({"ﬁ": "fi"}))` turns "ﬁsh" into "fish".
    """
    values: dict[bytes, int] = {}
    starts: dict[str, int] = {}
    strings = bytearray()
    for character, replacement in table.items():
        if replacement not in starts:
            starts[replacement] = len(strings)
            strings += replacement.encode() + b"\0"
        values[character.encode()] = starts[replacement]
    trie = _double_array(values)
    return struct.pack(f"<I{len(trie)}I", 4 * len(trie), *trie) + bytes(strings)


def _double_array(values: Mapping[bytes, int]) -> list[int]:
    """Place the trie of all keys; no key is the beginning of another (true of single UTF-8 characters)."""
    children: dict[bytes, set[int]] = {}
    for key in values:
        for end in range(len(key)):
            children.setdefault(key[:end], set()).add(key[end])

    units: dict[int, int] = {0: 0}
    bases: set[int] = set()

    def place(at: int, labels: list[int], slot: int) -> tuple[int, int]:
        """Find a base, from `slot` on, with free slots for the labels; note its offset at `at`."""
        while (base := slot ^ labels[0]) in bases or any(base ^ label in units for label in labels):
            slot += 1
        if base ^ at >= _MAX_OFFSET:
            raise ValueError(f"{len(values)} replacements do not fit a double array.")
        bases.add(base)
        units[at] |= (base ^ at) << 10
        return base, slot

    waiting, ends, slot = [(b"", 0)], [], 1
    while waiting:
        prefix, at = waiting.pop()
        if prefix in values:
            ends.append((prefix, at))
            continue
        labels = sorted(children[prefix])
        base, slot = place(at, labels, slot)
        for label in labels:
            units[base ^ label] = label
            waiting.append((prefix + bytes([label]), base ^ label))
    slot = 1  # Single leaves fit anywhere, so they fill the gaps last.
    for key, at in ends:
        base, slot = place(at, [0], slot)
        units[at] |= _HAS_LEAF
        units[base] = _LEAF | values[key]
    # A walk may step to any byte of the block that a slot lies in.
    return [units.get(at, 0) for at in range((max(units) | 0xFF) + 1)]
