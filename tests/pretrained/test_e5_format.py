import dataclasses
import struct

import numpy as np
import pytest

from fusion_demo.errors import ModelError
from fusion_demo.pretrained.e5_format import dequantise_q4_0, read_e5_file


def slow_dequantise(content: bytes) -> list[float]:
    """Q4_0 as llama.cpp states it, one weight at a time."""
    weights = []
    for start in range(0, len(content), 18):
        (scale,) = struct.unpack_from("<e", content, start)
        block = content[start + 2 : start + 18]
        weights += [((byte & 15) - 8) * scale for byte in block]
        weights += [((byte >> 4) - 8) * scale for byte in block]
    return weights


def test_dequantisation_of_the_worked_example():
    block = struct.pack("<e", 0.5) + bytes([0x9A] + [0x88] * 15)
    weights = dequantise_q4_0(block)
    assert weights[0] == 1.0
    assert weights[16] == 0.5
    assert np.count_nonzero(weights) == 2


def test_dequantisation_equals_the_slow_loop():
    random = np.random.default_rng(0)
    scales = random.normal(size=50).astype("<f2")
    content = b"".join(scale.tobytes() + random.bytes(16) for scale in scales)
    assert dequantise_q4_0(content).tolist() == slow_dequantise(content)


def test_dequantisation_refuses_half_a_block():
    with pytest.raises(ValueError, match="multiple of element size"):
        dequantise_q4_0(bytes(17))


def test_reading_gives_what_was_written(e5_path, e5_parts):
    file = read_e5_file(e5_path)
    assert dataclasses.astuple(file.header) == (32, 2, 4, 64, 20, 64, 2, pytest.approx(1e-12))
    assert file.tokenizer.pieces == e5_parts.pieces
    assert (file.tokenizer.bos, file.tokenizer.eos, file.tokenizer.pad, file.tokenizer.unk) == (0, 2, 1, 3)
    assert file.tokenizer.normaliser == e5_parts.normaliser
    assert file.tensors.keys() == e5_parts.tensors.keys()
    for name, tensor in e5_parts.tensors.items():
        np.testing.assert_array_equal(file.tensors[name], tensor.reshape(-1), err_msg=name)


def test_a_file_cut_off_anywhere_is_refused(tmp_path, e5_bytes):
    path = tmp_path / "cut.bin"
    for length in [*range(0, 1200, 7), *range(1200, len(e5_bytes), 997), len(e5_bytes) - 1]:
        path.write_bytes(e5_bytes[:length])
        with pytest.raises(ModelError, match=r"cut\.bin is (damaged|no E5S1 file)"):
            read_e5_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"magic": b"GGUF"}, "no E5S1 file: it begins with b'GGUF'"),
        ({"version": 2}, "version 2, only 1 is known"),
        ({"block": 64}, "blocks of 64 weights"),
        ({"token_ids": (0, 2, 1, 99)}, "special token lies outside the vocabulary"),
    ],
)
def test_an_unknown_variant_is_refused(tmp_path, e5_parts, change, message):
    path = tmp_path / "other.bin"
    path.write_bytes(dataclasses.replace(e5_parts, **change).to_bytes())
    with pytest.raises(ModelError, match=message):
        read_e5_file(path)


def test_a_damaged_directory_is_refused(tmp_path, e5_bytes):
    path = tmp_path / "damaged.bin"
    kind = e5_bytes.index(b"l0.q.w") + len(b"l0.q.w")
    path.write_bytes(e5_bytes[:kind] + b"\x07" + e5_bytes[kind + 1 :])
    with pytest.raises(ModelError, match=r"tensor l0\.q\.w has the unknown type 7"):
        read_e5_file(path)
    path.write_bytes(e5_bytes[: kind + 1] + struct.pack("<I", 5) + e5_bytes[kind + 5 :])
    with pytest.raises(ModelError, match=r"tensor l0\.q\.w holds 1024 values, not 5"):
        read_e5_file(path)


def test_piece_offsets_that_do_not_fit_are_refused(tmp_path, e5_bytes):
    path = tmp_path / "damaged.bin"
    first_offset = 4 + 4 + 7 * 4 + 4 + 4 + 5 * 4 + 8
    path.write_bytes(e5_bytes[:first_offset] + b"\xff" + e5_bytes[first_offset + 1 :])
    with pytest.raises(ModelError, match="piece offsets do not fit"):
        read_e5_file(path)
