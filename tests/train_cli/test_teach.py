import json

import pytest

from fusion_demo.baselines import LLMAlone
from fusion_demo.checkpoint import read_checkpoint_info
from train_cli.__main__ import main

PROMPTS = ["Name a colour.", "Who wrote it?", "Say hello.", "x" * 400]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "instructions"
    folder.mkdir()
    rows = "".join(json.dumps({"prompt": prompt, "response": "human"}) + "\n" for prompt in PROMPTS)
    (folder / "train.en.jsonl").write_text(rows)
    return folder


def teach(data, output, *more):
    return main(
        ["teach", "--preset", "tiny", "--device", "cpu", f"--data={data}", f"--output={output}", *more]
    )


def rows_of(folder):
    return [json.loads(line) for line in (folder / "train.en.jsonl").read_text().splitlines()]


def test_answers_are_the_llms_own_and_long_messages_are_left_out(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(LLMAlone, "generate", lambda self, texts, task: [f"on {text}" for text in texts])
    assert teach(data, tmp_path / "out") == 0
    assert rows_of(tmp_path / "out") == [{"prompt": p, "response": f"on {p}"} for p in PROMPTS[:3]]
    assert "3 answers" in capsys.readouterr().out


def test_a_message_without_an_answer_is_no_example(data, tmp_path, monkeypatch):
    monkeypatch.setattr(
        LLMAlone, "generate", lambda self, texts, task: ["" if "colour" in text else "yes" for text in texts]
    )
    assert teach(data, tmp_path / "out") == 0
    assert [row["prompt"] for row in rows_of(tmp_path / "out")] == PROMPTS[1:3]


def test_a_stopped_run_goes_on_and_another_length_is_another_run(data, tmp_path, monkeypatch, capsys):
    assert teach(data, tmp_path / "out", "--answer-tokens=4") == 0
    first = rows_of(tmp_path / "out")
    monkeypatch.setattr(LLMAlone, "generate", lambda *_: pytest.fail("asked again"))
    assert teach(data, tmp_path / "out", "--answer-tokens=4") == 0
    assert rows_of(tmp_path / "out") == first
    assert teach(data, tmp_path / "out", "--answer-tokens=5") == 2
    assert "answer_tokens was 4, is 5" in capsys.readouterr().err


def test_what_is_written_can_be_trained_on(data, tmp_path, monkeypatch):
    monkeypatch.setattr(LLMAlone, "generate", lambda self, texts, task: ["yes"] * len(texts))
    arguments = ["teach", "--preset", "tiny", f"--data={data}", f"--output={tmp_path / 'out'}"]
    monkeypatch.setattr("sys.argv", ["train_cli", *arguments])
    assert main(arguments) == 0
    options = [
        "--task=chat",
        f"--data={tmp_path / 'out'}",
        f"--output={tmp_path / 'own'}",
        "--dev-examples=1",
    ]
    assert main(["train", "--preset=tiny", "--device=cpu", "--evaluations=1", *options]) == 0
    assert (tmp_path / "own" / "model.safetensors").exists()
    command = read_checkpoint_info(tmp_path / "own").data["command"]
    assert command.startswith("python -m train_cli teach --preset tiny")
    assert command in (tmp_path / "own" / "README.md").read_text()


def test_the_datas_own_answers_are_never_written_over(data, capsys):
    assert teach(data, data) == 2
    assert "would be lost" in capsys.readouterr().err
