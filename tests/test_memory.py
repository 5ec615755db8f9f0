"""Memory is measured where it can be, and shared weights count once."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import fusion_demo.memory
from fusion_demo.memory import (
    ARENAS,
    ARENAS_VARIABLE,
    LARGE_VARIABLE,
    bound_malloc,
    measure_peak,
    weight_bytes,
)

CPU = torch.device("cpu")


def test_weights_and_buffers_count_and_what_is_shared_counts_once():
    one, other = nn.Linear(10, 4), nn.BatchNorm1d(3)
    assert weight_bytes([one]) == 4 * (40 + 4)
    assert weight_bytes([one, one, nn.ModuleList([one])]) == weight_bytes([one])
    assert weight_bytes([one, other]) == weight_bytes([one]) + 4 * (3 + 3 + 3 + 3) + 8
    tied = nn.Linear(10, 4)
    tied.weight = one.weight
    assert weight_bytes([one, tied]) == weight_bytes([one]) + 16


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a stretch of time")
def test_the_peak_is_that_of_the_work_alone():
    with measure_peak(CPU) as large:
        torch.ones(50_000_000)
    with measure_peak(CPU) as small:
        torch.ones(10)
    assert large.peak - large.before > 190_000_000
    assert small.peak - small.before < 50_000_000


def test_where_nothing_can_be_measured_nothing_is_said(monkeypatch):
    monkeypatch.setattr(fusion_demo.memory, "PROCESSES", Path("/nowhere"))
    with measure_peak(CPU) as memory:
        pass
    assert (memory.before, memory.peak) == (None, None)


WITHOUT_TORCH = """
import sys
from unittest.mock import MagicMock
sys.modules["torch"] = MagicMock()
"""
"""What is measured is malloc: torch would only take its seconds to be imported."""

COUNT_ARENAS = """
import ctypes, os, sys, threading
from fusion_demo.memory import bound_malloc
if sys.argv[1] == "bounded":
    bound_malloc(os.environ)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(9)
def use():
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=use) for _ in range(8)]
[thread.start() for thread in threads]
together.wait()
libc.fdopen.restype = ctypes.c_void_p
stream = libc.fdopen(1, b"w")
libc.malloc_info(0, ctypes.c_void_p(stream))
libc.fflush(ctypes.c_void_p(stream))
"""


def count_arenas(*arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if name != ARENAS_VARIABLE} | variables
    command = [sys.executable, "-c", WITHOUT_TORCH + COUNT_ARENAS, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return len(re.findall("<heap nr=", run.stdout))


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux")
def test_threads_share_two_arenas():
    assert count_arenas("bounded") == ARENAS
    assert count_arenas("") > ARENAS


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux")
def test_a_bound_that_is_set_already_stays():
    assert count_arenas("bounded", MALLOC_ARENA_MAX="5") == 5


COUNT_BLOCKS = """
import ctypes, os, sys
from fusion_demo.memory import bound_malloc
if sys.argv[1] == "bounded":
    bound_malloc(os.environ)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
class Info(ctypes.Structure):
    _fields_ = [(f"f{i}", ctypes.c_size_t) for i in range(10)]
libc.mallinfo2.restype = Info
libc.free(ctypes.c_void_p(libc.malloc(20_000_000)))
before = libc.mallinfo2().f3  # blocks that are the system's own
libc.malloc(2_000_000)
print(libc.mallinfo2().f3 - before)
"""


def count_blocks(*arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if name != LARGE_VARIABLE} | variables
    command = [sys.executable, "-c", WITHOUT_TORCH + COUNT_BLOCKS, *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux")
def test_what_is_large_lies_in_no_arena():
    """By itself, malloc takes 20 MB that were freed as the size below which memory is kept."""
    assert count_blocks("bounded") == 1
    assert count_blocks("") == 0
    assert count_blocks("bounded", MALLOC_MMAP_THRESHOLD_="10000000") == 0


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(fusion_demo.memory.ctypes, "CDLL", lambda _: object())
    bound_malloc({})
    monkeypatch.setattr(fusion_demo.memory.sys, "platform", "win32")
    monkeypatch.setattr(fusion_demo.memory.ctypes, "CDLL", lambda _: pytest.fail("asked for"))
    bound_malloc({})
