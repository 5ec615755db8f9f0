"""Named fp32 tensors in one safetensors file that is noticed when it is damaged or of another bridge."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fusion_demo.errors import CheckpointError
from fusion_demo.files import write_atomically

COPY_AGAIN = "Copy the checkpoint again, or train it with the command on its card."

NOTE, DIGEST = "note", "sha256"


def write_tensors(path: Path, tensors: dict[str, Tensor], note: str = "") -> None:
    """Write fp32 tensors and a note as one file, atomically, with a digest of both."""
    write_atomically(path, tensors_bytes(tensors, note))


def tensors_bytes(tensors: dict[str, Tensor], note: str = "") -> bytes:
    """Return what `write_tensors` writes."""
    plain = {name: value.detach().to("cpu", torch.float32).contiguous() for name, value in tensors.items()}
    return save(plain, metadata={NOTE: note, DIGEST: _digest(plain, note)})


def read_tensors(path: Path, expected: dict[str, tuple[int, ...]]) -> tuple[dict[str, Tensor], str]:
    """Read what `write_tensors` wrote and check its names, shapes, types and digest.

    Args:
        path: The file.
        expected: Name to shape of every tensor that must be there. Nothing large is read before
            names and shapes are right.

    Returns:
        The tensors and the note.

    Raises:
        CheckpointError: the file is missing, damaged, or holds other tensors than expected.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing. {COPY_AGAIN}")
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            _compare(path, {name: tuple(file.get_slice(name).get_shape()) for name in names}, expected)
            tensors = {name: file.get_tensor(name) for name in names}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or cut off ({error}). {COPY_AGAIN}") from None
    note = metadata.get(NOTE, "")
    if metadata.get(DIGEST) != _digest(tensors, note):
        raise CheckpointError(f"{path} is damaged: its tensors are not those written. {COPY_AGAIN}")
    return tensors, note


def read_note(path: Path) -> str:
    """Return the note of a file that `write_tensors` wrote; `read_tensors` tells whether it is whole.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing. {COPY_AGAIN}")
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(NOTE, "")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or cut off ({error}). {COPY_AGAIN}") from None


def _compare(path: Path, found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]) -> None:
    for name in sorted(set(expected) | set(found)):
        if name not in found:
            raise CheckpointError(f"{path} lacks the tensor '{name}'. {COPY_AGAIN}")
        if name not in expected:
            raise CheckpointError(f"{path} holds an unknown tensor '{name}'. {COPY_AGAIN}")
        if found[name] != expected[name]:
            raise CheckpointError(
                f"{path}: '{name}' has shape {found[name]}, but the bridge "
                f"needs {expected[name]}. {COPY_AGAIN}"
            )


def _digest(tensors: dict[str, Tensor], note: str) -> str:
    digest = hashlib.sha256(note.encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
