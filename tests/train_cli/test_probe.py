import json
import random

import pytest

from train_cli.__main__ import main

LETTERS = {"sports": "abc", "world": "xyz", "business": "123"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Texts whose letters give their topic away, so that a probe on random features can learn it."""
    folder, draw = tmp_path_factory.mktemp("data"), random.Random(0)
    for name, n in {"train.en": 90, "dev.en": 30, "dev.si": 12, "test.en": 30, "test.si": 12}.items():
        rows = []
        for _ in range(n):
            label = draw.choice(list(LETTERS))
            text = "".join(draw.choices(LETTERS[label], k=draw.randint(5, 20)))
            rows.append(json.dumps({"text": text, "label": label}) + "\n")
        (folder / f"{name}.jsonl").write_text("".join(rows), encoding="utf-8")
    return folder


@pytest.fixture
def probe(monkeypatch, data, tmp_path):
    """Runs the command as the shell would; returns its exit status and its metrics file."""

    def run(*options):
        output = tmp_path / "metrics.json"
        argv = ["probe", "--preset", "tiny", "--data", str(data), "--output", str(output)]
        argv += map(str, options)
        monkeypatch.setattr("sys.argv", ["train_cli", *argv])
        status = main(argv)
        return status, json.loads(output.read_text(encoding="utf-8")) if output.exists() else None

    return run


def test_probe_learns_from_english_and_is_measured_on_both_splits(probe, capsys):
    status, metrics = probe()
    assert status == 0
    assert metrics["system"] == "linear probe"
    assert (metrics["task"], metrics["seed"], metrics["training"]["examples"]) == ("news", 0, 90)
    assert metrics["command"].startswith("python -m train_cli probe --preset tiny --data ")
    for split in ("dev", "test"):
        assert metrics[split]["split"] == split
        assert {code: row["n"] for code, row in metrics[split]["languages"].items()} == {"en": 30, "si": 12}
        assert metrics[split]["languages"]["en"]["accuracy"] > 0.9
    # The setting was chosen on these very texts.
    assert metrics["training"]["dev_accuracy"] == metrics["dev"]["languages"]["en"]["accuracy"]
    printed = capsys.readouterr().out
    assert "linear probe: 90 English texts" in printed
    assert "news, test split" in printed


def test_same_command_gives_the_same_file(probe):
    assert probe("--split", "test") == probe("--split", "test")


def test_options_choose_texts_and_prefix(probe):
    status, metrics = probe(
        "--split",
        "test",
        "--languages",
        "si",
        "--max-examples",
        40,
        "--eval-examples",
        5,
        "--encoder-prefix",
        "q: ",
    )
    assert status == 0
    assert metrics["training"]["examples"] == 40
    assert metrics["encoder"]["encoder_prefix"] == "q: "
    assert "dev" not in metrics
    assert {code: row["n"] for code, row in metrics["test"]["languages"].items()} == {"si": 5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "embeded"], "Unknown preset 'embeded'. Did you mean 'embedded'?"),
        (["--split", "train"], "--split takes dev or test, not 'train'"),
        (["--languages", "ta"], "Unknown language 'ta'"),
        (["--task", "sib200"], "Unknown label"),
    ],
)
def test_what_cannot_be_probed_is_one_line(probe, capsys, options, message):
    assert probe(*options) == (2, None)
    assert message in capsys.readouterr().err
