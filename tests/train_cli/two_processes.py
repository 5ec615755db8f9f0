"""A training of the tiny preset in two processes that learns what it learns in one."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("sports", "politics", "science and technology")
ROWS = 41  # batches of four leave one example: the second process has none of its own in the last update


def write_data(folder):
    """Write train and dev examples into an empty folder; return it."""
    for split, rows in (("train", ROWS), ("dev", 9)):
        # A batch holds texts of like length. Labels go their own way, so that the processes' answers differ.
        lines = [{"text": f"story {i} " * (1 + i % 2), "label": LABELS[i % 3]} for i in range(rows)]
        (folder / f"{split}.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def recipe(data, output, batch_size):
    return [
        *("train", "--preset", "tiny", "--task", "news", "--data", str(data), "--output", str(output)),
        *("--sentence-tokens", "1", "--warm-start-epochs", "1", "--epochs", "2", "--evaluations", "2"),
        *("--soft-token-dropout", "0", "--fusion-dropout", "0", "--learning-rate", "0.01", "--device", "cpu"),
        *("--batch-size", str(batch_size)),
    ]


def losses(folder):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def launch(python, *words, processes=2):
    """Run words after `python -m torch.distributed.run …`; return what the processes print."""
    launcher = ("torch.distributed.run", "--standalone", "--nproc_per_node", str(processes))
    done = subprocess.run(
        [python, "-m", *launcher, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stdout
