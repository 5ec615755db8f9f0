"""What the `gguf` package packs and unpacks is packed again, to the very bit."""

import gguf
import numpy as np
import pytest

from fusion_demo.compiled.packing import pack

KINDS = gguf.GGMLQuantizationType


def unpacked_from(kind, shape=(6, 96), seed=0):
    weight = np.random.default_rng(seed).normal(scale=0.1, size=shape).astype(np.float32)
    return gguf.quants.dequantize(gguf.quants.quantize(weight, kind), kind)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("kind", "dtype"), [(KINDS.Q4_1, np.uint8), (KINDS.Q8_0, np.int8)])
def test_the_formats_of_gguf_come_back_bit_by_bit(kind, dtype, seed):
    weight = unpacked_from(kind, seed=seed)
    packed = pack(weight)
    assert packed.values.dtype == dtype
    assert packed.values.shape == (6, 3, 32)
    assert packed.scale.shape == (6, 3, 1)
    np.testing.assert_array_equal(packed.unpack(), weight)


def test_four_bits_stay_within_four():
    packed = pack(unpacked_from(KINDS.Q4_1, (64, 256)))
    assert (packed.values.min(), packed.values.max()) == (0, 15)


def test_a_worked_example():
    row = np.arange(32, dtype=np.float32)[None] % 16 * np.float32(0.5) - 2  # 16 steps of 0.5 from -2
    packed = pack(row)
    assert packed.values[0, 0].tolist() == [*range(16), *range(16)]
    assert (packed.scale.item(), packed.smallest.item()) == (0.5, -2.0)


def test_a_group_of_one_value_is_packed():
    weight = np.zeros((2, 64), dtype=np.float32)
    weight[1] = 0.25
    np.testing.assert_array_equal(pack(weight).unpack(), weight)


@pytest.mark.parametrize(
    "weight",
    [
        np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32),  # never was packed
        unpacked_from(KINDS.Q4_1) + np.float32(1e-3),  # a step further, by no multiple of one
        unpacked_from(KINDS.Q4_1)[:, :40],  # not a whole number of groups
        unpacked_from(KINDS.Q4_1).astype(np.float64),
        np.full((2, 32), np.nan, dtype=np.float32),
        np.full((2, 32), np.inf, dtype=np.float32),
    ],
)
def test_what_would_not_come_back_is_not_packed(weight):
    assert pack(weight) is None


def test_one_other_weight_is_enough():
    weight = unpacked_from(KINDS.Q4_1, (64, 256))
    weight[40, 100] = np.nextafter(weight[40, 100], np.float32(1))
    assert pack(weight) is None
