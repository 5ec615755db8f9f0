import json

import pytest
import torch

from fusion_demo.baselines import LLMAlone
from fusion_demo.evaluation import BridgeAnswerer
from fusion_demo.understanding import Understanding
from train_cli.__main__ import main

ENGLISH = ["What is rain?", "Who was first?", "Name a colour."]
PROMPTS = {"hi": ["वर्षा?", "पहला?", "रंग?"], "ta": ["மழை?", "முதல்?", "நிறம்?"]}
RESPONSES = ["water", "nobody", "red"]


def write(folder, code, prompts, english=ENGLISH):
    rows = [
        {"prompt": prompt, "english_prompt": own, "response": response}
        for prompt, own, response in zip(prompts, english, RESPONSES, strict=True)
    ]
    (folder / f"test.{code}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "instructions"
    folder.mkdir()
    for code, prompts in PROMPTS.items():
        write(folder, code, prompts)
    return folder


@pytest.fixture
def checkpoint(tmp_path, write_checkpoint):
    write_checkpoint(tmp_path / "chat-tiny", fusion="global-softmax", task="chat", dev=None)
    return tmp_path / "chat-tiny"


def ask(data, tmp_path, *more):
    output = tmp_path / "result.json"
    kept = ("--predictions", str(tmp_path / "kept"), "--output", str(output), "--device", "cpu")
    status = main(["chat", "--data", str(data), *kept, *more])
    return status, json.loads(output.read_text()) if status == 0 else None


def test_answers_are_compared_with_the_llms_own_and_with_the_references(
    data, checkpoint, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(LLMAlone, "generate", lambda self, texts, task: [f"It is {t}" for t in texts])
    right = dict(zip(PROMPTS["hi"], ENGLISH, strict=True))
    monkeypatch.setattr(
        BridgeAnswerer, "generate", lambda self, texts, task: [f"It is {right.get(t, 'red')}" for t in texts]
    )
    status, result = ask(data, tmp_path, "--checkpoint", str(checkpoint))
    assert status == 0
    assert list(result["languages"]) == ["en", "hi", "ta"]
    assert result["languages"]["hi"]["agreement"] == 100
    assert result["languages"]["ta"]["agreement"] < 50
    assert result["languages"]["ta"]["recall"] == pytest.approx(50)  # "nobody" is no content word
    mean = (result["languages"]["hi"]["agreement"] + result["languages"]["ta"]["agreement"]) / 2
    assert result["mean"]["agreement"] == pytest.approx(mean)
    assert (result["checkpoint"], result["task"], result["split"]) == ("chat-tiny", "chat", "test")
    assert "Hindi: agreement 100.00" in capsys.readouterr().out


def test_divergence_is_from_the_llm_that_reads_the_english(data, checkpoint, tmp_path, monkeypatch):
    asked = []
    forward = BridgeAnswerer.divergence

    def noted(self, texts, answers, english, task):
        asked.extend(zip(texts, english, strict=True))
        return forward(self, texts, answers, english, task)

    monkeypatch.setattr(BridgeAnswerer, "divergence", noted)
    result = ask(data, tmp_path, "--checkpoint", str(checkpoint), "--languages=ta")[1]
    assert sorted(asked) == sorted(zip(PROMPTS["ta"], ENGLISH, strict=True))
    assert result["languages"]["ta"]["divergence"] > 0


@pytest.mark.parametrize("system", [(), ("--baseline", "llm-alone", "--preset", "tiny")])
def test_the_batch_size_changes_nothing(data, checkpoint, tmp_path, system):
    system = system or ("--checkpoint", str(checkpoint))
    results = []
    for size in ("1", "3"):
        folder = tmp_path / size
        folder.mkdir()
        results.append(ask(data, folder, *system, "--batch-size", size)[1]["languages"])
    for code, row in results[0].items():
        assert row == pytest.approx(results[1][code], abs=1e-5)


@torch.no_grad()
def test_the_llm_alone_agrees_with_itself_in_english(data, tmp_path):
    status, result = ask(data, tmp_path, "--baseline", "llm-alone", "--preset", "tiny")
    assert status == 0
    assert result["languages"]["en"]["agreement"] == 100
    assert result["languages"]["en"]["divergence"] == pytest.approx(0, abs=1e-6)
    assert result["languages"]["hi"]["divergence"] > 0


def test_a_finished_run_asks_nothing_again(data, checkpoint, tmp_path, monkeypatch):
    whole = ask(data, tmp_path, "--checkpoint", str(checkpoint))[1]
    monkeypatch.setattr(BridgeAnswerer, "generate", lambda *_: pytest.fail("asked again"))
    monkeypatch.setattr(LLMAlone, "generate", lambda *_: pytest.fail("asked again"))
    assert ask(data, tmp_path, "--checkpoint", str(checkpoint))[1]["languages"] == whole["languages"]


def test_what_cannot_be_measured_is_refused(data, checkpoint, tmp_path, write_checkpoint, capsys):
    write_checkpoint(tmp_path / "other", fusion="global-softmax", task="news", dev=None)
    assert ask(data, tmp_path, "--checkpoint", str(tmp_path / "other"))[0] == 2
    assert "is a checkpoint of 'news'" in capsys.readouterr().err
    assert ask(data, tmp_path, "--checkpoint", str(checkpoint), "--languages=en")[0] == 2
    assert "Name another language too" in capsys.readouterr().err
    assert ask(data, tmp_path, "--baseline", "linear-probe")[0] == 2
    assert "writes nothing" in capsys.readouterr().err
    write(data, "ta", PROMPTS["ta"], english=ENGLISH[::-1])
    assert ask(data, tmp_path, "--checkpoint", str(checkpoint))[0] == 2
    assert "are others than beside those in" in capsys.readouterr().err


def test_behind_an_echo_the_llm_answers_what_was_understood(data, tmp_path, write_checkpoint, monkeypatch):
    write_checkpoint(tmp_path / "echo-tiny", fusion="global-softmax", task="echo")
    english = dict(zip(PROMPTS["hi"] + PROMPTS["ta"], ENGLISH * 2, strict=True))
    asked = []

    def understood(bridge, texts, *, candidates):
        asked.extend(texts)
        return [Understanding(english.get(text, text), 0.9) for text in texts]

    monkeypatch.setattr("fusion_demo.understanding.understand", understood)
    status, result = ask(data, tmp_path, "--checkpoint", str(tmp_path / "echo-tiny"), "--best-of", "2")
    assert status == 0
    assert result["best_of"] == 2
    for row in result["languages"].values():  # it reads the English words themselves
        assert row["agreement"] == pytest.approx(100)
        assert row["divergence"] == pytest.approx(0, abs=1e-4)
    assert len(asked) == len(set(asked)) == 9
