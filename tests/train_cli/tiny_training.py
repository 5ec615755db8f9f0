"""A training of the tiny preset that takes a second, and how two of them are compared."""

import json

import torch
from safetensors.torch import load_file

LABELS = ("sports", "politics", "business")


def arguments(data, output, *more):
    return [
        *("train", "--preset", "tiny", "--task", "news", "--data", str(data), "--output", str(output)),
        *("--batch-size", "4", "--learning-rate", "0.01", "--evaluations", "2", "--device", "cpu", *more),
    ]


def same_bits(first, second):
    """Compare tensors, since safetensors writes a header's notes in any order."""
    one, two = (load_file(folder / "model.safetensors") for folder in (first, second))
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def log_lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
