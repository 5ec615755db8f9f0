"""What a benchmark ran on, and how fast that machine multiplies and reads: the floors of everything else."""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from train_cli.benchmark.rounds import seconds

GEMM_SIZE = 1536
"""Rows and columns of the matrices whose product is timed: 9 MB each, more than a core's own caches."""

HELD_SECONDS = 1.0
"""How long a rate is held that a longer work is compared with."""

READ_BYTES = 2**28
"""Memory that is read to measure the bandwidth: several times a processor's last cache."""


def machine_facts(device: str = "cpu") -> dict[str, Any]:
    """Return what a figure depends on and a reader has to know; nothing that names the machine itself."""
    facts = {
        "cpu": _cpu_model(),
        # Processors of one name differ in it, and with it the rate of their products.
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "cores": torch.multiprocessing.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(_memory_bytes() / 1e9, 1),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    if device.startswith("cuda"):
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def gemm_rate(device: str = "cpu", *, size: int = GEMM_SIZE) -> float:
    """Return the rate of a product of two square fp32 matrices, in FLOP/s, the best of three."""
    product = _square_product(device, size)
    return 2 * size**3 / min(product() for _ in range(3))


def held_gemm_rate(device: str = "cpu", *, size: int = GEMM_SIZE, duration: float = HELD_SECONDS) -> float:
    """Return the rate of such products one after the other, in FLOP/s, all of them by the time of all.

    On a machine that others use as well a single product can be faster than any rate that lasts. A work of
    seconds is compared with what lasted.

    Args:
        device: Where they are multiplied.
        size: Rows and columns of the matrices.
        duration: Seconds after which no further product is begun.
    """
    product = _square_product(device, size)
    number, spent = 1, product()
    while spent < duration:
        number, spent = number + 1, spent + product()
    return 2 * size**3 * number / spent


def read_rate(device: str = "cpu", *, number_of_bytes: int = READ_BYTES) -> float:
    """Return how fast a matrix is read in a product with a vector, in bytes/s, the best of three.

    That is what writing one token asks of the memory: every weight once, two operations a weight.
    """
    columns = 1024
    matrix = torch.ones(max(1, number_of_bytes // (4 * columns)), columns, device=device)
    vector = torch.ones(columns, device=device)
    best = min(seconds(lambda: torch.mv(matrix, vector), device) for _ in range(3))
    return matrix.nbytes / best


def _square_product(device: str, size: int) -> Callable[[], float]:
    """Return a call that multiplies two square fp32 matrices and returns the seconds; one is made before."""
    left, right = torch.rand(size, size, device=device), torch.rand(size, size, device=device)
    out = left @ right
    return lambda: seconds(lambda: torch.mm(left, right, out=out), device)


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor() or platform.machine()


def _memory_bytes() -> int:
    if sys.platform == "win32":
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
