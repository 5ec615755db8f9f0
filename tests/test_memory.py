"""Memory is measured where it can be, and shared weights count once."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import fusion_demo.memory
from fusion_demo.memory import measure_peak, weight_bytes

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
