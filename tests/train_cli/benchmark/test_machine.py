import torch

from train_cli.benchmark.machine import gemm_rate, machine_facts, read_rate


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
