"""Many users at once, on the tiny models and for seconds."""

import pytest

from train_cli.__main__ import build_parser
from train_cli.benchmark import load


def measured(checkpoints, *options):
    words = ["load", f"--checkpoints={checkpoints}", "--minutes=0.1", *options]
    return load.measure(build_parser("benchmark").parse_args(["benchmark", *words]))


def test_many_users_are_answered_or_told_that_it_is_busy(tiny_checkpoints, monkeypatch):
    monkeypatch.setattr(load, "PAUSE_SECONDS", (0.0, 0.1))
    monkeypatch.setattr(load, "KINDS", ("classify", "compare", "leave"))  # these checkpoints cannot chat
    report = measured(tiny_checkpoints, "--users=40")
    assert report["problems"] == []
    for kind, counts in report["kinds"].items():
        assert counts["failed"] == 0, kind
        assert counts["answered"] > 0, kind
        assert 0 < counts["seconds"]["median"] <= counts["seconds"]["p95"]
    assert sum(counts["busy"] for counts in report["kinds"].values()) > 0
    assert report["memory"]["peak"] >= report["memory"]["start"] > 1e8


def test_a_chat_is_measured_to_its_first_token(chat_checkpoints, monkeypatch):
    monkeypatch.setattr(load, "KINDS", ("chat",))
    report = measured(chat_checkpoints, "--users=2")
    assert report["problems"] == []
    assert 0 < report["first_token"]["median"] <= report["kinds"]["chat"]["seconds"]["p95"]


def test_what_fails_is_counted_and_said(tiny_checkpoints, monkeypatch):
    monkeypatch.setattr(load, "KINDS", ("chat",))
    report = measured(tiny_checkpoints, "--users=2")
    assert report["kinds"]["chat"]["answered"] == 0
    assert report["kinds"]["chat"]["failed"] > 0
    assert report["first_token"] is None
    assert report["problems"]


def test_the_slope_of_the_memory_leaves_the_warm_up_out():
    rising = [(10.0 * step, 1e6 * step) for step in range(13)]
    assert load.memory_trend(rising)["bytes_per_minute"] == pytest.approx(6e6)
    flat = [(second, min(1e6 * second, 20e6)) for second in map(float, range(101))]
    trend = load.memory_trend(flat)
    assert trend["bytes_per_minute"] == pytest.approx(0, abs=1)
    assert (trend["start"], trend["end"], trend["peak"]) == (0, 20e6, 20e6)
    assert trend["held_per_minute"] is None


def test_what_is_held_is_the_least_of_each_half_minute():
    """It rises by 2 MB a minute; for every answer, 100 MB more are taken for a moment."""
    samples = [(float(second), 2e6 * (second // 30 / 2) + 100e6 * (second % 7 > 0)) for second in range(600)]
    trend = load.memory_trend(samples)
    assert trend["held_per_minute"] == pytest.approx(2e6)
    assert trend["held_low"] <= trend["held_per_minute"] <= trend["held_high"]
    assert trend["held_high"] - trend["held_low"] < 1e3
    odd = [(second, held + 30e6 * (second // 30 % 2)) for second, held in samples]
    assert load.memory_trend(odd)["held_low"] < 2e6 < load.memory_trend(odd)["held_high"]
