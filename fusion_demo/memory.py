"""How much memory models and their work take, and a bound on what a server keeps."""

import ctypes
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

PROCESSES = Path("/proc")
RESET_PEAK = "5"
"""Written to `clear_refs`, it makes Linux count the peak of the resident memory anew (proc(5))."""

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""Options of glibc's `mallopt` (malloc.h)."""

ARENAS_VARIABLE, LARGE_VARIABLE = "MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_"
ARENAS = 2
"""The models answer one request at a time; what is asked meanwhile need not wait for their allocations."""
LARGE_BYTES = 1_000_000
"""From this size on, memory is the system's own and goes back to it as soon as it is freed."""


@dataclass
class PeakMemory:
    """The most memory that was held during some work, in bytes.

    On a GPU that is what PyTorch allocated there; otherwise what the whole process held in main memory,
    whatever of it belongs to something else.

    Attributes:
        before: Held when the work began; None where it cannot be measured.
        peak: Held at most during the work; None where it cannot be measured, as on macOS and Windows.
    """

    before: int | None = None
    peak: int | None = None


def weight_bytes(modules: Iterable[nn.Module]) -> int:
    """Return the bytes of all parameters and buffers; what modules share counts once."""
    storages = {}
    for module in modules:
        for tensor in (*module.parameters(), *module.buffers()):
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


@contextmanager
def measure_peak(device: torch.device) -> Iterator[PeakMemory]:
    """Measure the memory that the body of a `with` takes; the numbers are there when it has ended.

    Args:
        device: Where the models run.
    """
    measured = PeakMemory()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        measured.before = torch.cuda.memory_allocated(device)
        yield measured
        measured.peak = torch.cuda.max_memory_allocated(device)
        return
    if reset_resident_peak():
        measured.before = resident_bytes("VmRSS")
    yield measured
    if measured.before is not None:
        measured.peak = resident_bytes("VmHWM")


def reset_resident_peak() -> bool:
    """Let the peak of this process's resident memory, VmHWM, count anew; False where this cannot be done."""
    try:
        (PROCESSES / "self" / "clear_refs").write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def resident_bytes(field: str, process: str = "self") -> int | None:
    """Return the resident memory of a process in bytes, or None where the system does not say it.

    Args:
        field: "VmRSS", now, or "VmHWM", at most (proc(5)).
        process: Its number, or "self".
    """
    try:
        status = (PROCESSES / process / "status").read_text(encoding="utf-8")
    except OSError:
        return None
    line = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    return 1024 * int(line[1]) if line else None


def bound_malloc(environment: Mapping[str, str]) -> None:
    """Keep a server's memory flat, where glibc's malloc would keep what was freed (mallopt(3)).

    It makes two arenas for all threads, instead of eight a core: each keeps up to 64 MB, and the threads of a
    server, which come and go, fill one after another. And what is large does not lie in an arena, where what
    is small and stays comes to lie behind it; by itself malloc would put up to 32 MB there, once so much has
    been freed.

    To be called before there are threads. Does nothing where the C library is not glibc, or where whoever
    runs the program has set `MALLOC_ARENA_MAX` or `MALLOC_MMAP_THRESHOLD_`, for what that sets.

    Args:
        environment: The environment variables.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return
    for option, value, variable in (
        (M_ARENA_MAX, ARENAS, ARENAS_VARIABLE),
        (M_MMAP_THRESHOLD, LARGE_BYTES, LARGE_VARIABLE),
    ):
        if variable not in environment:
            mallopt(option, value)
