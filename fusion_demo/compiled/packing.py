"""Weights back in the 4 or 8 bits that they were unpacked from, to the very bit.

A file in the format GGUF, of llama.cpp, keeps groups of 32 neighbours of a row with a scale, in `Q4_1` with a
smallest value, too. Read by transformers they are float32, in which the steps are still to be seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GROUP = 32
"""Weights of a row that share a scale, in GGUF's formats of 4 and 8 bits."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PackedWeight:
    """A matrix of R rows and C columns in G = C / 32 groups a row.

    Attributes:
        values: (R, G, 32), uint8 from 0 to 15, or int8.
        scale: (R, G, 1).
        smallest: (R, G, 1), added to what the scale gives; None: nothing is.
    """

    values: NDArray[np.uint8] | NDArray[np.int8]
    scale: Floats
    smallest: Floats | None

    def unpack(self) -> Floats:
        """Return the matrix, (R, C)."""
        weight = self.values.astype(np.float32) * self.scale
        if self.smallest is not None:
            weight += self.smallest
        return weight.reshape(len(weight), -1)


def pack(weight: Floats) -> PackedWeight | None:
    """Pack a matrix (R, C) so that unpacking gives the same bits; None where that cannot be.

    In turn `Q4_1`, value · scale + smallest, and `Q8_0`, value · scale, are tried.
    """
    rows, columns = weight.shape
    if columns % GROUP or weight.dtype != np.float32 or not np.isfinite(weight).all():
        return None
    groups = weight.reshape(rows, -1, GROUP)
    for packed in (_pack_4_bits(groups), _pack_8_bits(groups)):
        if np.array_equal(packed.unpack(), weight):
            return packed
    return None


def _pack_4_bits(groups: Floats) -> PackedWeight:
    smallest = groups.min(axis=-1, keepdims=True)
    scale = _nonzero((groups.max(axis=-1, keepdims=True) - smallest) / np.float32(15))
    values = np.rint((groups - smallest) / scale).astype(np.uint8)
    return PackedWeight(values, scale, smallest)


def _pack_8_bits(groups: Floats) -> PackedWeight:
    scale = _nonzero(np.abs(groups).max(axis=-1, keepdims=True) / np.float32(127))
    return PackedWeight(np.rint(groups / scale).astype(np.int8), scale, None)


def _nonzero(scale: Floats) -> Floats:
    return np.where(scale == 0, np.float32(1), scale)
