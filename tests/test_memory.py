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
from fusion_demo.memory import ARENAS, ARENAS_VARIABLE, bound_arenas, measure_peak, weight_bytes

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


COUNT_ARENAS = """
import ctypes, os, sys, threading
from fusion_demo.memory import bound_arenas
if sys.argv[1] == "bounded":
    bound_arenas(os.environ)
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
    command = [sys.executable, "-c", COUNT_ARENAS, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return len(re.findall("<heap nr=", run.stdout))


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux")
def test_threads_share_two_arenas():
    assert count_arenas("bounded") == ARENAS
    assert count_arenas("") > ARENAS


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux")
def test_a_bound_that_is_set_already_stays():
    assert count_arenas("bounded", MALLOC_ARENA_MAX="5") == 5


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(fusion_demo.memory.ctypes, "CDLL", lambda _: object())
    bound_arenas({})
    monkeypatch.setattr(fusion_demo.memory.sys, "platform", "win32")
    monkeypatch.setattr(fusion_demo.memory.ctypes, "CDLL", lambda _: pytest.fail("asked for"))
    bound_arenas({})
