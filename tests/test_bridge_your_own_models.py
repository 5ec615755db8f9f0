"""docs/bridge-your-own-models.md, run line by line: fetched, trained, measured and used."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from train_cli.__main__ import build_parser

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/bridge-your-own-models.md").read_text("utf-8")
COMMANDS, PROGRAM = re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LINES = [shlex.split(line) for line in COMMANDS.splitlines()]
FETCH = [line for line in LINES if line[0] == "pip" or line[:3] == ["python", "-m", "zipfile"]]
TRAIN_CLI = [line for line in LINES if line[:3] == ["python", "-m", "train_cli"]]


def run(words, folder):
    words = [sys.executable, "-m", "pip", *words[1:]] if words[0] == "pip" else [sys.executable, *words[1:]]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the page's lines run: a folder that has the page's data, and the encoder that they fetch."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "docs").mkdir()
    (folder / "docs/own-models").symlink_to(ROOT / "docs/own-models")
    for line in FETCH:
        done = run(line, folder)
        if line[0] == "pip" and done.returncode:
            pytest.skip(f"the encoder cannot be fetched here: {done.stderr.strip().splitlines()[-1]}")
        assert not done.returncode, done.stderr
    return folder


def test_the_page_has_these_steps_and_every_command_parses():
    assert [*FETCH, *TRAIN_CLI, ["python", "app.py", "--checkpoints", "own/checkpoints"]] == LINES
    assert [line[3] for line in TRAIN_CLI] == ["train", "evaluate"]
    for line in TRAIN_CLI:
        build_parser().parse_args(line[3:])


def test_the_examples_of_the_page_are_balanced_and_no_dev_text_is_trained_on():
    texts = {}
    for split in ("train", "dev"):
        rows = map(json.loads, (ROOT / f"docs/own-models/{split}.en.jsonl").read_text("utf-8").splitlines())
        labels = [row["label"] for row in rows if texts.setdefault(row["text"], split) == split]
        assert len(set(map(labels.count, labels))) == 1
    assert list(texts.values()).count("dev") == 16


@pytest.mark.embedded
@pytest.mark.sweep
def test_the_page_from_its_first_line_to_its_last(folder):
    for line in TRAIN_CLI:
        done = run(line, folder)
        assert not done.returncode, done.stderr
    measured = json.loads((folder / "own/checkpoints/news-minilm/metrics.json").read_text("utf-8"))
    english = measured["dev"]["languages"]["en"]
    assert english["accuracy"] >= 0.5  # of 8 topics; 0.125 by chance
    done = run(["python", "-c", PROGRAM], folder)
    assert not done.returncode, done.stderr
    label, probability = done.stdout.split()
    assert label == "sports"
    assert float(probability) > 0.5
