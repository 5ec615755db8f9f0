import json

import pytest

from fusion_demo.evaluation import BridgeAnswerer
from fusion_demo.session import Session
from train_cli.__main__ import main

LINES = {
    "en": ["Rain fell.", "The sun shone.", "Snow lay on the hill.", "A dog barked."],
    "si": ["වැස්ස", "හිරු", "හිම", "බල්ලා"],
}


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "flores"
    folder.mkdir()
    for code, lines in LINES.items():
        rows = "".join(json.dumps({"text": line}) + "\n" for line in lines)
        (folder / f"devtest.{code}.jsonl").write_text(rows)
    return folder


@pytest.fixture
def checkpoint(tmp_path, write_checkpoint):
    write_checkpoint(tmp_path / "echo-tiny", fusion="global-softmax", task="echo", dev=None)
    return tmp_path / "echo-tiny"


def ask(data, tmp_path, *more):
    output = tmp_path / "result.json"
    kept = ("--predictions", str(tmp_path / "kept"), "--output", str(output), "--device", "cpu")
    status = main(["echo", "--data", str(data), *kept, *more])
    return status, json.loads(output.read_text()) if status == 0 else None


def test_every_language_is_compared_with_the_same_english_lines(
    data, checkpoint, tmp_path, monkeypatch, capsys
):
    english = dict(zip(LINES["si"], LINES["en"], strict=True))
    monkeypatch.setattr(
        BridgeAnswerer, "generate", lambda self, texts, task: [english.get(text, "a dog") for text in texts]
    )
    status, result = ask(data, tmp_path, "--checkpoint", str(checkpoint))
    assert status == 0
    assert result["languages"]["si"]["chrf"] == pytest.approx(100)
    assert result["languages"]["en"]["chrf"] < 60
    assert result["mean"] == {**result["languages"]["si"]}
    assert (result["checkpoint"], result["task"], result["split"]) == ("echo-tiny", "echo", "devtest")
    assert "Sinhala: chrf 100.0" in capsys.readouterr().out


def test_the_model_is_asked_and_a_stopped_run_goes_on(data, checkpoint, tmp_path, monkeypatch):
    whole = ask(data, tmp_path, "--checkpoint", str(checkpoint), "--batch-size", "2")[1]
    path = tmp_path / "kept" / "si.english.jsonl"
    lines = path.read_bytes().split(b"\n")
    assert len(lines) == 5
    path.write_bytes(b"\n".join([*lines[:2], lines[2][:7]]))
    asked = []
    generate = BridgeAnswerer.generate

    def noted(self, texts, task):
        asked.extend(texts)
        return generate(self, texts, task)

    monkeypatch.setattr(BridgeAnswerer, "generate", noted)
    again = ask(data, tmp_path, "--checkpoint", str(checkpoint), "--batch-size", "2")[1]
    assert sorted(asked) == sorted(LINES["si"])  # the whole window, in the same batches
    assert path.read_bytes().split(b"\n") == lines
    assert again["languages"] == whole["languages"]


def test_the_llm_alone_is_the_floor(data, tmp_path):
    options = ("--baseline", "llm-alone", "--preset", "tiny", "--max-examples", "2", "--languages", "si")
    status, result = ask(data, tmp_path, *options)
    assert status == 0
    assert (result["system"], result["languages"]["si"]["n"]) == ("llm-alone", 2)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("news", [], "is a checkpoint of 'news'. Give one of a task that is answered freely: echo, chat."),
        ("echo", ["--languages=hi"], "Unknown language 'hi'"),
    ],
)
def test_what_cannot_be_measured_is_refused(data, tmp_path, write_checkpoint, capsys, task, options, message):
    write_checkpoint(tmp_path / "other", fusion="global-softmax", task=task, dev=None)
    assert ask(data, tmp_path, "--checkpoint", str(tmp_path / "other"), *options)[0] == 2
    assert message in capsys.readouterr().err


def test_texts_that_are_not_parallel_and_a_probe_are_refused(data, checkpoint, tmp_path, capsys):
    (data / "devtest.si.jsonl").write_text(json.dumps({"text": "වැස්ස"}) + "\n")
    assert ask(data, tmp_path, "--checkpoint", str(checkpoint))[0] == 2
    assert "not line by line those in English" in capsys.readouterr().err
    assert ask(data, tmp_path, "--baseline", "linear-probe")[0] == 2
    assert "writes nothing" in capsys.readouterr().err


def test_the_best_of_several_is_named_and_dev_texts_give_the_thresholds(data, checkpoint, tmp_path):
    for path in data.iterdir():
        path.rename(data / path.name.replace("devtest", "dev"))
    options = ("--checkpoint", str(checkpoint), "--split", "dev", "--best-of", "3", "--record")
    status, result = ask(data, tmp_path, *options)
    assert status == 0
    assert result["best_of"] == 3
    recorded = json.loads((checkpoint / "metrics.json").read_text())["understanding"]
    assert recorded["mean"] == result["mean"]
    assert recorded["thresholds"]["well"] >= recorded["thresholds"]["partly"]
    thresholds = Session(tmp_path).chat_checkpoints()
    assert [info.name for info in thresholds] == ["echo-tiny"]


def test_a_baseline_has_no_echoes_to_choose_from(data, tmp_path, capsys):
    status, _ = ask(data, tmp_path, "--baseline", "llm-alone", "--preset", "tiny", "--best-of", "3")
    assert status == 2
    assert "Give a --checkpoint of echo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--record",), "test texts are for reporting. Give --split dev"),
        (("--record", "--split", "dev", "--languages", "en"), "learns from foreign texts"),
    ],
)
def test_thresholds_are_chosen_on_foreign_dev_texts_alone(data, checkpoint, tmp_path, capsys, more, message):
    (data / "devtest.en.jsonl").rename(data / "dev.en.jsonl")
    status, _ = ask(data, tmp_path, "--checkpoint", str(checkpoint), *more)
    assert status == 2
    assert message in capsys.readouterr().err
    assert "understanding" not in json.loads((checkpoint / "metrics.json").read_text())
