"""A training that Ctrl-C stops is saved, and goes on to the same bits."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.train_cli.tiny_training import arguments, log_lines, same_bits
from train_cli.__main__ import main
from train_cli.trainer import Trainer


@pytest.fixture(autouse=True)
def ctrl_c():
    """Ctrl-C interrupts, even in a suite that was started in the background and ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c_at_update_5(monkeypatch):
    update = Trainer.update

    def interrupted(self, model):
        if self.progress.updates == 5:
            signal.raise_signal(signal.SIGINT)
        return update(self, model)

    monkeypatch.setattr(Trainer, "update", interrupted)


def test_an_interrupted_training_resumes_to_the_same_bits(data, tmp_path, monkeypatch, capsys):
    options = ("--soft-token-dropout", "0.2", "--gradient-accumulation", "2", "--epochs", "2")
    assert main(arguments(data, tmp_path / "whole", *options)) == 0

    press_ctrl_c_at_update_5(monkeypatch)
    assert main(arguments(data, tmp_path / "cut", *options)) == 130
    assert "--resume" in capsys.readouterr().out
    assert json.loads((tmp_path / "cut" / "status.json").read_text())["state"] == "stopped"
    monkeypatch.undo()
    assert main(arguments(data, tmp_path / "cut", *options, "--resume")) == 0
    assert json.loads((tmp_path / "cut" / "status.json").read_text())["state"] == "finished"

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert same_bits(whole, cut)
    moments = [
        {k: v for k, v in line.items() if k in ("update", "loss", "learning_rate")}
        for line in log_lines(whole)
    ]
    again = [
        {k: v for k, v in line.items() if k in ("update", "loss", "learning_rate")} for line in log_lines(cut)
    ]
    assert moments == again


def test_a_resumed_training_does_not_start_from_the_first_stage_again(data, tmp_path, monkeypatch):
    first = tmp_path / "first"
    assert main(arguments(data, first)) == 0
    options = ("--init-from", str(first), "--epochs", "2")
    assert main(arguments(data, tmp_path / "whole", *options)) == 0
    press_ctrl_c_at_update_5(monkeypatch)
    assert main(arguments(data, tmp_path / "cut", *options)) == 130
    monkeypatch.undo()
    shutil.rmtree(first)
    assert main(arguments(data, tmp_path / "cut", *options, "--resume")) == 0
    assert same_bits(tmp_path / "whole", tmp_path / "cut")


def tensors(folder):
    return (folder / "last" / "state.safetensors").read_bytes()


@pytest.mark.sweep
def test_ctrl_c_in_a_real_process_saves(data, tmp_path):
    output = tmp_path / "bridge"
    process = subprocess.Popen(
        [sys.executable, "-m", "train_cli", *arguments(data, output, "--epochs", "5000")],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        # A suite that was started in the background hands on an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 240
        while not (output / "metrics.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "saved; go on with the same command and --resume" in printed
    assert tensors(output)
