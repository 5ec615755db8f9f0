"""A text that is too long for the LLM is refused before the first update, with its row and the option."""

import json
import re

import pytest

from fusion_demo.bridge import FusionBridge
from fusion_demo.pretrained.tiny import build_tiny_llm
from tests.train_cli.tiny_training import arguments
from train_cli.__main__ import main

WINDOW = 160
SHORT = ("sports story", "politics story", "business story")


@pytest.fixture
def llm(tmp_path):
    """An LLM of 160 positions."""
    model, tokenizer = build_tiny_llm()
    model.config.max_position_embeddings = WINDOW
    model.save_pretrained(tmp_path / "llm")
    tokenizer.save_pretrained(tmp_path / "llm")
    return ("--llm", str(tmp_path / "llm"), "--prompt-form", "bare")


def write(folder, texts, split="train", **fields):
    lines = [{"text": text, "label": text.split()[0]} | fields for text in texts]
    (folder / f"{split}.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def long_among(count, place, letters=200):
    texts = [f"{SHORT[i % 3]} {i}" for i in range(count)]
    texts[place] = "sports " + "x" * (letters - 7)
    return texts


@pytest.fixture
def updates(monkeypatch):
    """The lengths of what the LLM was given, batch by batch."""
    made = []
    forward = FusionBridge.forward
    monkeypatch.setattr(
        FusionBridge, "forward", lambda self, *given, **more: made.append(1) or forward(self, *given, **more)
    )
    return made


def test_one_long_training_text_is_refused_at_once_and_fits_as_the_message_says(
    data, tmp_path, llm, updates, capsys
):
    write(data, long_among(43, 17))
    assert main(arguments(data, tmp_path / "bridge", *llm)) == 2
    error = capsys.readouterr().err
    assert "Row 17 of the training data ('sports xxx" in error
    assert "reads at most 160" in error
    assert not updates
    assert not (tmp_path / "bridge").exists()
    most = int(re.search(r"Cut texts with --max-text-tokens (\d+)", error)[1])
    assert main(arguments(data, tmp_path / "bridge", *llm, "--max-text-tokens", str(most))) == 0
    more = ("--max-text-tokens", str(most + 1), "--soft-token-split", "0")
    assert main(arguments(data, tmp_path / "other", *llm, *more, "--dry-run")) == 2


def test_one_long_dev_text_is_refused_at_once(data, tmp_path, llm, updates, capsys):
    write(data, long_among(9, 4), "dev")
    assert main(arguments(data, tmp_path / "bridge", *llm)) == 2
    assert "Row 4 of the dev data in 'en'" in capsys.readouterr().err
    assert not updates


def test_nothing_is_lost_by_a_refusal(data, tmp_path, llm):
    output = tmp_path / "bridge"
    assert main(arguments(data, output, *llm)) == 0
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    write(data, long_among(43, 17))
    assert main(arguments(data, output, *llm, "--overwrite")) == 2
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--soft-token-split", "0.1"), "--max-text-tokens"),
        (("--sentence-token",), "--max-text-tokens"),
        (("--text-prompt", "augment"), "--max-text-tokens and --text-prompt-tokens"),
        (
            ("--text-prompt", "augment", "--soft-token-unit", "text", "--sentence-token"),
            "--text-prompt-tokens",
        ),
    ],
)
def test_what_doubles_a_text_counts(data, tmp_path, llm, capsys, options, named):
    """A text of 90 tokens fits once, and not twice."""
    texts = long_among(43, 17, 90)
    write(data, texts)
    assert main(arguments(data, tmp_path / "once", *llm)) == 0
    if "text" in options:
        write(data, long_among(43, 17, 160))
    status = main(arguments(data, tmp_path / "twice", *llm, *options))
    if options == ("--sentence-token",):
        assert status == 0
        return
    assert status == 2
    error = capsys.readouterr().err
    assert "Row 17 of the training data" in error
    assert named in error


def test_words_count_as_the_bridge_pools_them(data, tmp_path, llm):
    """200 letters in ten words are ten soft tokens."""
    texts = long_among(43, 17)
    texts[17] = "sports " + " ".join(["x" * 19] * 9)
    write(data, texts)
    assert main(arguments(data, tmp_path / "tokens", *llm)) == 2
    assert main(arguments(data, tmp_path / "words", *llm, "--soft-token-unit", "word")) == 0


def test_a_long_free_answer_is_named_and_no_option_is_promised(data, tmp_path, llm, capsys):
    for split in ("train", "dev"):
        write(data, ["a story", "rain", "it is " + "long " * 40], split)
    options = ("--task", "echo", "--max-text-tokens", "20")
    assert main(arguments(data, tmp_path / "bridge", *llm, *options)) == 2
    error = capsys.readouterr().err
    assert "Row 2 of the training data" in error
    assert "Please shorten or remove the row" in error


def test_what_the_teacher_reads_counts(data, tmp_path, llm, capsys):
    """The encoder reads 20 tokens of a message; the LLM that teaches reads all of it."""
    lines = [{"prompt": "x" * (200 if i == 3 else 20), "response": "yes"} for i in range(8)]
    for split in ("train", "dev"):
        (data / f"{split}.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = ("--task", "chat", "--max-text-tokens", "20")
    assert main(arguments(data, tmp_path / "bridge", *llm, *options)) == 2
    assert "Row 3 of the training data" in capsys.readouterr().err
