"""The whole command on the tiny preset: train, in one stage or two, show, refuse."""

import json
import re

import datasets
import pytest
import torch
from safetensors.torch import load_file

from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info
from fusion_demo.config import TrainConfig
from fusion_demo.tasks import get_task, get_training_task
from tests.train_cli.tiny_training import LABELS, arguments, same_bits
from train_cli.__main__ import main
from train_cli.train import read_data


def test_a_training_leaves_a_checkpoint_its_log_and_its_card(data, tmp_path, tiny_models, capsys):
    output = tmp_path / "bridge"
    assert main(arguments(data, output)) == 0
    info = read_checkpoint_info(output)
    assert (info.task, info.bridge.fusion) == ("news", "transformer-softmax")
    assert info.metrics["training"]["planned_updates"] == 11
    assert info.metrics["training"]["examples"] <= 44
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [line["update"] for line in lines if "dev" in line] == [6, 11]
    assert [line["update"] for line in lines if "loss" in line] == [10]
    status = json.loads((output / "status.json").read_text())
    assert (status["state"], status["phase"]) == ("finished", "training")
    assert (status["update"], status["updates"]) == (11, 11)
    assert status["command"].startswith("python -m ")
    assert "English headlines" in (output / "README.md").read_text()
    load_checkpoint(output, tiny_models)
    assert "trained parameters" in capsys.readouterr().out


def test_pairs_of_a_copied_hub_data_set_are_trained_on_and_named_on_the_card(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for split, rows in (("train", 12), ("validation", 6)):
        table = {
            "premise": [f"It rains {i}" for i in range(rows)],
            "hypothesis": ["It is wet"] * rows,
            "label": [i % 3 for i in range(rows)],
        }
        path = tmp_path / "xnli" / "en" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(table).to_parquet(path)
    output = tmp_path / "bridge"
    assert main(arguments(tmp_path / "xnli", output, "--task", "xnli", "--evaluations", "1")) == 0
    info = read_checkpoint_info(output)
    assert info.metrics["training"]["dev_selection"]["en"]["n"] == 6
    assert info.data["licence_id"] == "cc-by-nc-4.0"
    assert "those of MultiNLI" in (output / "README.md").read_text()


def test_the_same_seed_gives_the_same_bits(data, tmp_path):
    for name in ("a", "b"):
        assert main(arguments(data, tmp_path / name, "--soft-token-dropout", "0.2")) == 0
    assert same_bits(tmp_path / "a", tmp_path / "b")
    assert main(arguments(data, tmp_path / "c", "--seed", "1")) == 0
    assert not same_bits(tmp_path / "c", tmp_path / "a")


def test_trainings_of_two_seeds_keep_the_same_examples(data):
    task = get_task("news")
    kept = [
        [
            [example.row for example in examples]
            for examples in read_data(TrainConfig(data=str(data), **options), task)[:2]
        ]
        for options in (
            dict(sample, warm_start_epochs=1, max_examples=9, warm_start_examples=20)
            for sample in ({"seed": 0}, {"seed": 1}, {"sample_seed": 1})
        )
    ]
    assert kept[0] == kept[1]
    assert kept[0][0] != kept[2][0]
    assert kept[0][1] != kept[2][1]
    assert [len(rows) for rows in kept[0]] == [9, 20]


def test_a_finished_folder_is_not_overwritten_by_mistake(data, tmp_path, capsys):
    output = tmp_path / "bridge"
    assert main(arguments(data, output)) == 0
    before = (output / "model.safetensors").read_bytes()
    assert main(arguments(data, output, "--seed", "1")) == 2
    assert "already holds a training. Use --resume" in capsys.readouterr().err
    assert (output / "model.safetensors").read_bytes() == before
    assert main(arguments(data, output, "--seed", "1", "--overwrite")) == 0
    assert (output / "model.safetensors").read_bytes() != before


def test_a_dry_run_shows_one_batch_and_writes_nothing(data, tmp_path, capsys):
    output = tmp_path / "bridge"
    assert main(arguments(data, output, "--dry-run")) == 0
    printed = capsys.readouterr().out
    for expected in (
        "before the text",
        "trained parameters",
        "44 English examples",
        "nats a token",
        "one update: ",
    ):
        assert expected in printed
    assert "the LLM itself reads" not in printed
    assert main(arguments(data, output, "--dry-run", "--text-prompt", "augment")) == 0
    assert re.search(r"the LLM itself reads '(sports|politics|business) story \d+'", capsys.readouterr().out)
    assert not output.exists()


def test_a_second_stage_starts_from_the_first(data, tmp_path, capsys):
    """MindMerger's two stages: the mapping first, then the text itself behind the soft tokens."""
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(arguments(data, first, "--projection", "mlp")) == 0
    capsys.readouterr()
    stage = ("--projection", "mlp", "--text-prompt", "augment", "--text-prompt-tokens", "9")
    still = ("--learning-rate", "1e-12", "--weight-decay", "0")
    assert main(arguments(data, second, *stage, "--init-from", str(first), *still)) == 0
    printed = capsys.readouterr().out
    assert f"the trained tensors start from {first}" in printed
    assert "of 44 texts the LLM itself reads only the first 9 tokens" in printed
    one, two = (load_file(folder / "model.safetensors") for folder in (first, second))
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)
    info = read_checkpoint_info(second)
    assert (info.training.init_from, info.bridge.text_prompt) == (str(first), "augment")
    unlike = tmp_path / "unlike"
    assert main(arguments(data, unlike, *stage, *still)) == 0
    other = load_file(unlike / "model.safetensors")
    assert not all(torch.allclose(one[name], other[name], atol=1e-3) for name in one)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--init-from", "nowhere"), "There is no checkpoint folder 'nowhere'"),
        (("--resume",), "holds no training to resume"),
        (("--output", ""), "Say where to write the checkpoint"),
        (("--data", ""), "The task 'news' has no data set on the hub. Give a folder with --data FOLDER"),
        (("--task", "new"), "Unknown task 'new'. Did you mean 'news'"),
        (("--task", "sentiment"), "has no training data of its own. Train --task reviews"),
        (("--fusion", "softmax"), "Unknown fusion 'softmax'"),
        (("--encoder", "random:mt5-large"), "The weights of 'random:mt5-large' are random"),
        (("--dev-languages", "xx"), "Unknown language 'xx'"),
        (("--epochs", "0"), "'epochs' must be at least 1"),
        (("--fusion-heads", "3"), "'fusion_heads' is 3, which does not divide"),
    ],
)
def test_wrong_options_end_in_one_line_and_status_2(data, tmp_path, capsys, more, message):
    assert main([*arguments(data, tmp_path / "bridge"), *more]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_only_english_is_ever_trained_on(data, tmp_path):
    (data / "train.si.jsonl").write_text("not even JSON\n")
    assert main(arguments(data, tmp_path / "bridge")) == 0


@pytest.fixture
def sentences(tmp_path):
    folder = tmp_path / "sentences"
    folder.mkdir()
    lines = [{"text": f"{LABELS[i % 3]} story number {i}"} for i in range(40)]
    (folder / "train.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_echo_learns_to_repeat_and_keeps_the_best_of_a_held_out_dev_set(sentences, tmp_path, tiny_models):
    output = tmp_path / "echo"
    options = ("--task", "echo", "--dev-examples", "8", "--epochs", "6", "--warm-start-epochs", "2")
    assert main(arguments(sentences, output, *options, "--soft-token-unit", "word")) == 0
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    warm_start = [line for line in lines if line.get("phase") == "warm start"]
    assert [line["update"] for line in warm_start] == [2]  # the last of two
    losses = [line["dev"]["en"]["loss"] for line in lines if "dev" in line]
    assert [line["dev"]["en"]["n"] for line in lines if "dev" in line] == [8, 8]
    assert losses[-1] < losses[0]
    info = read_checkpoint_info(output)
    assert (info.task, info.metrics["training"]["planned_updates"]) == ("echo", 6 * 32 // 4)
    bridge = load_checkpoint(output, tiny_models)
    assert bridge.config.soft_token_unit == "word"
    assert "MultiNLI" in (output / "README.md").read_text()


def test_held_out_texts_are_never_trained_on(sentences):
    path = sentences / "train.en.jsonl"
    path.write_text(path.read_text() + '{"text": "sports story number 0"}\n')
    config = TrainConfig(task="echo", data=str(sentences), dev_examples=5, warm_start_epochs=1)
    train, warm_start, dev = read_data(config, get_training_task("echo"))
    held_out = {example.text for example in dev["en"]}
    assert len(dev["en"]) == 5
    assert "sports story number 0" in held_out
    assert not held_out & {example.text for example in [*train, *warm_start]}
    assert len(train) == len(warm_start) == 41 - 6


def test_a_free_answer_needs_the_words(sentences, tmp_path, capsys):
    more = ("--task", "echo", "--sentence-tokens", "1", "--soft-token-unit", "text")
    assert main(arguments(sentences, tmp_path / "bridge", *more)) == 2
    assert "Give --soft-token-unit word or token." in capsys.readouterr().err


def test_a_dev_set_that_leaves_nothing_to_train_on_is_refused(sentences, tmp_path, capsys):
    assert main(arguments(sentences, tmp_path / "x", "--task", "echo", "--dev-examples", "40")) == 2
    assert "Give more training examples, or other --dev-examples" in capsys.readouterr().err
