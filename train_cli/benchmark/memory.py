"""Peak memory of one system, measured in a process of its own."""

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from fusion_demo import memory
from fusion_demo.errors import ConfigError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Peak:
    """What a process held.

    Attributes:
        peak_bytes: Most resident memory during the work.
        loaded_bytes: Resident memory just before it, with the models loaded.
        cuda_bytes: Most memory held on the GPU during the work; None without one.
    """

    peak_bytes: int
    loaded_bytes: int
    cuda_bytes: int | None

    def as_dict(self) -> dict[str, int]:
        """Return the three as they stand in a report; no `cuda_bytes` without a GPU."""
        values = {"peak_bytes": self.peak_bytes, "loaded_bytes": self.loaded_bytes}
        return values if self.cuda_bytes is None else values | {"cuda_bytes": self.cuda_bytes}


def peak_during(work: Callable[[], Any], device: str = "cpu") -> Peak:
    """Return the peak memory of a call, what was loaded before included.

    Linux keeps the peak of a process as VmHWM and sets it back on demand, so that the loading of the models
    does not count. `ru_maxrss` cannot be set back, and a child starts with its parent's: it is taken only
    where there is no /proc.
    """
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    memory.reset_resident_peak()
    loaded = resident_bytes("VmRSS")
    work()
    cuda = torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else None
    return Peak(resident_bytes("VmHWM"), loaded, cuda)


def resident_bytes(field: str, process: str = "self") -> int:
    """Return the resident memory of a process: VmRSS now, or VmHWM at most so far.

    Raises:
        ConfigError: the system does not say it.
    """
    found = memory.resident_bytes(field, process)
    if found is not None:
        return found
    if process == "self" and sys.platform == "darwin":
        import resource  # there is none on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    raise ConfigError("This system does not say how much memory a process holds. Use Linux or macOS.")


def in_child(function: Callable[..., Value], *arguments: Any) -> Value:
    """Call a function of a module in a fresh process with as many threads, and return its value.

    Raises:
        ConfigError: the process was ended, most likely because memory ran out.
        FusionDemoError: what the function raised.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
            return pool.submit(_with_threads, torch.get_num_threads(), function, arguments).result()
    except BrokenProcessPool:
        raise ConfigError(
            "A measurement's process was ended, most likely because memory ran out. Close other programs, "
            "or measure fewer systems or smaller models."
        ) from None


def _with_threads(threads: int, function: Callable[..., Value], arguments: tuple[Any, ...]) -> Value:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    return function(*arguments)


def _end_with_parent() -> None:
    """End this process once whoever started it is gone, killed perhaps: it would measure on for nobody."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
