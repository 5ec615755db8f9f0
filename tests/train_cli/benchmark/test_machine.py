import torch

from train_cli.benchmark.machine import gemm_rate, held_gemm_rate, machine_facts, read_rate


def test_facts_say_what_a_figure_depends_on():
    facts = machine_facts()
    assert facts["cpu"]
    assert facts["vectors"] == torch.backends.cpu.get_cpu_capability()
    assert facts["cores"] >= 1
    assert facts["threads"] == torch.get_num_threads()
    assert facts["torch"] == torch.__version__
    assert "gpu" not in facts


def test_rates_are_operations_and_bytes_by_time(monkeypatch):
    monkeypatch.setattr("train_cli.benchmark.machine.seconds", lambda call, device: (call(), 0.5)[1])
    assert gemm_rate(size=8) == 2 * 8**3 / 0.5
    monkeypatch.setattr("train_cli.benchmark.machine.seconds", lambda call, device: (call(), 0.25)[1])
    assert read_rate(number_of_bytes=8192) == 8192 / 0.25


def test_the_rate_that_is_held_is_that_of_all_products(monkeypatch):
    """Products of 0.25, 0.5 and 0.25 s fill the second; the fastest alone has a rate a third higher."""
    took = iter([0.25, 0.5, 0.25, 9.0])
    monkeypatch.setattr("train_cli.benchmark.machine.seconds", lambda call, device: (call(), next(took))[1])
    assert held_gemm_rate(size=8, duration=1.0) == 3 * 2 * 8**3 / 1.0
    assert next(took) == 9.0
    # One product is made however little time there is.
    monkeypatch.setattr("train_cli.benchmark.machine.seconds", lambda call, device: (call(), 0.5)[1])
    assert held_gemm_rate(size=8, duration=0.0) == 2 * 8**3 / 0.5
