"""One training in two processes learns what it learns in one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from fusion_demo.checkpoint import read_checkpoint_info
from train_cli.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("sports", "politics", "science and technology")
ROWS = 41  # batches of four leave one example: the second process has none of its own in the last update
LAUNCH = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2")


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for split, rows in (("train", ROWS), ("dev", 9)):
        # A batch holds texts of like length. Labels go their own way, so that the processes' answers differ.
        lines = [{"text": f"story {i} " * (1 + i % 2), "label": LABELS[i % 3]} for i in range(rows)]
        (folder / f"{split}.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def recipe(data, output, batch_size):
    return [
        *("train", "--preset", "tiny", "--task", "news", "--data", str(data), "--output", str(output)),
        *("--sentence-token", "--warm-start-epochs", "1", "--epochs", "2", "--evaluations", "2"),
        *("--soft-token-dropout", "0", "--fusion-dropout", "0", "--learning-rate", "0.01", "--device", "cpu"),
        *("--batch-size", str(batch_size)),
    ]


def losses(folder):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def launch(*words):
    done = subprocess.run(
        [sys.executable, "-m", *LAUNCH, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("options", [(), ("--shard-frozen",)])
def test_two_processes_learn_what_one_learns_from_the_same_batches(data, tmp_path, options):
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(recipe(data, one, 4)) == 0
    shown = launch("-m", "train_cli", *recipe(data, two, 2), *options)
    assert shown.count("41 English examples, 22 updates of 4") == 1
    assert shown.count("best at update") == 1
    assert len(losses(one)) == 3  # of the warm start, then of updates 10 and 20
    assert losses(two) == pytest.approx(losses(one), abs=1e-4)
    assert_close(
        load_file(two / "model.safetensors"), load_file(one / "model.safetensors"), atol=1e-4, rtol=1e-3
    )
    counts = [read_checkpoint_info(folder).metrics["training"]["examples"] for folder in (one, two)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("options", [(), ("--shard-frozen",)])
def test_a_dry_run_in_two_processes_speaks_once_and_ends(data, tmp_path, options):
    shown = launch("-m", "train_cli", *recipe(data, tmp_path / "none", 2), "--dry-run", *options)
    assert shown.count("loss of one batch of") == shown.count("one update: ") == 1
    assert not (tmp_path / "none").exists()
