"""The whole command on the tiny preset: train, stop, resume, refuse."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import datasets
import pytest
import torch
from safetensors.torch import load_file

from fusion_demo.bridge import FusionBridge
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info
from fusion_demo.config import TrainConfig
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.tasks import get_task, get_training_task
from train_cli.__main__ import main
from train_cli.train import read_data
from train_cli.trainer import Trainer

LABELS = ("sports", "politics", "business")


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for split, rows in (("train", 44), ("dev", 9)):
        lines = [{"text": f"{LABELS[i % 3]} story {i}", "label": LABELS[i % 3]} for i in range(rows)]
        for language in ("en", "si"):
            (folder / f"{split}.{language}.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    return folder


def arguments(data, output, *more):
    return [
        *("train", "--preset", "tiny", "--task", "news", "--data", str(data), "--output", str(output)),
        *("--batch-size", "4", "--learning-rate", "0.01", "--evaluations", "2", "--device", "cpu", *more),
    ]


def tensors(folder):
    return (folder / "last" / "state.safetensors").read_bytes()


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


def test_with_a_state_cache_the_encoder_reads_the_training_texts_once(data, tmp_path, monkeypatch):
    read = []
    states = MultilingualEncoder._states
    monkeypatch.setattr(
        MultilingualEncoder, "_states", lambda self, texts, *a: read.extend(texts) or states(self, texts, *a)
    )
    recipe = ("--sentence-token", "--warm-start-epochs", "3", "--epochs", "2", "--state-cache")
    for fusion in ("global-softmax", "transformer-softmax"):
        options = (*recipe, str(tmp_path / "states"), "--fusion", fusion)
        assert main(arguments(data, tmp_path / fusion, *options)) == 0
    trained = {json.loads(line)["text"] for line in (data / "train.en.jsonl").open()}
    dev = {json.loads(line)["text"] for line in (data / "dev.en.jsonl").open()}
    # The dev texts are among the training texts here, so they are found as well.
    assert dev <= trained
    assert len(read) == len(trained)
    plain = arguments(data, tmp_path / "plain", *recipe[:-1], "--fusion", "global-softmax")
    assert main(plain) == 0
    cached, reference = (
        load_file(tmp_path / name / "model.safetensors") for name in ("global-softmax", "plain")
    )
    assert cached["fusion.weights"].tolist() == pytest.approx(reference["fusion.weights"].tolist(), abs=1e-3)


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


def test_each_update_draws_its_own_dropout_between_the_two_given(data, tmp_path, monkeypatch):
    drawn = []
    forward = FusionBridge.forward

    def noted(self, *texts, disturbance, **options):
        drawn.append(disturbance.dropout)
        return forward(self, *texts, disturbance=disturbance, **options)

    monkeypatch.setattr(FusionBridge, "forward", noted)
    options = ("--soft-token-dropout", "0.2", "--soft-token-dropout-max", "0.9")
    assert main(arguments(data, tmp_path / "bridge", *options)) == 0
    assert len(set(drawn)) == len(drawn) == 11
    assert 0.2 <= min(drawn) < 0.45
    assert 0.65 < max(drawn) <= 0.9


def test_an_interrupted_training_resumes_to_the_same_bits(data, tmp_path, monkeypatch, capsys):
    options = ("--soft-token-dropout", "0.2", "--gradient-accumulation", "2", "--epochs", "2")
    assert main(arguments(data, tmp_path / "whole", *options)) == 0

    update = Trainer.update

    def interrupted(self, model):
        if self.progress.updates == 5:
            raise KeyboardInterrupt
        return update(self, model)

    monkeypatch.setattr(Trainer, "update", interrupted)
    assert main(arguments(data, tmp_path / "cut", *options)) == 130
    assert "--resume" in capsys.readouterr().out
    monkeypatch.setattr(Trainer, "update", update)
    assert main(arguments(data, tmp_path / "cut", *options, "--resume")) == 0

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert same_bits(whole, cut)
    moments = [
        {k: v for k, v in line.items() if k in ("update", "loss", "learning_rate")} for line in _log(whole)
    ]
    again = [
        {k: v for k, v in line.items() if k in ("update", "loss", "learning_rate")} for line in _log(cut)
    ]
    assert moments == again


def same_bits(first, second):
    """Compare tensors, since safetensors writes a header's notes in any order."""
    one, two = (load_file(folder / "model.safetensors") for folder in (first, second))
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def _log(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_ctrl_c_in_a_real_process_saves(data, tmp_path):
    output = tmp_path / "bridge"
    process = subprocess.Popen(
        [sys.executable, "-m", "train_cli", *arguments(data, output, "--epochs", "5000")],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        # A suite that was started in the background hands on an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 240
        while not (output / "metrics.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "saved; go on with the same command and --resume" in printed
    assert tensors(output)


def test_two_processes_share_each_batch(data, tmp_path, tiny_models):
    output = tmp_path / "bridge"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "train_cli"]
    done = subprocess.run(
        [*launcher, *arguments(data, output)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
    )
    assert done.stdout.count("44 English examples, 6 updates of 8") == 1
    load_checkpoint(output, tiny_models)


def test_patience_ends_a_training_without_gain(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "train_cli.trainer.evaluate_dev",
        lambda *_: ((0.5, -1.0), {"en": {"accuracy": 0.5, "n": 9, "interval": [0.2, 0.8]}}),
    )
    options = ("--evaluations", "6", "--patience", "2", "--epochs", "2")
    assert main(arguments(data, tmp_path / "bridge", *options)) == 0
    assert "no gain in 2 evaluations: stopped" in capsys.readouterr().out
    assert [line["update"] for line in _log(tmp_path / "bridge") if "dev" in line] == [4, 7, 11]


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


def test_a_resumed_training_does_not_start_from_the_first_stage_again(data, tmp_path, monkeypatch):
    first = tmp_path / "first"
    assert main(arguments(data, first)) == 0
    options = ("--init-from", str(first), "--epochs", "2")
    assert main(arguments(data, tmp_path / "whole", *options)) == 0
    update = Trainer.update

    def interrupted(self, model):
        if self.progress.updates == 5:
            raise KeyboardInterrupt
        return update(self, model)

    monkeypatch.setattr(Trainer, "update", interrupted)
    assert main(arguments(data, tmp_path / "cut", *options)) == 130
    monkeypatch.setattr(Trainer, "update", update)
    shutil.rmtree(first)
    assert main(arguments(data, tmp_path / "cut", *options, "--resume")) == 0
    assert same_bits(tmp_path / "whole", tmp_path / "cut")


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


def test_the_learning_rate_rises_and_falls(data, tmp_path):
    step = torch.optim.AdamW.step
    collected = []

    def spy(self, *a, **k):
        collected.append([group["lr"] for group in self.param_groups])
        return step(self, *a, **k)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", spy)
        options = ("--epochs", "4", "--warmup-fraction", "0.25", "--fusion-learning-rate", "0.001")
        assert main(arguments(data, tmp_path / "bridge", *options)) == 0
    projection = [rates[-1] for rates in collected]
    fusion = [rates[0] for rates in collected]
    assert len(collected) == 44
    assert projection[0] == pytest.approx(0.01 / 11)
    assert max(projection) == projection[10] == pytest.approx(0.01)
    assert projection[-1] < 0.01 * 0.01
    assert fusion == pytest.approx([rate / 10 for rate in projection])


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
    more = ("--task", "echo", "--sentence-token", "--soft-token-unit", "text")
    assert main(arguments(sentences, tmp_path / "bridge", *more)) == 2
    assert "Give --soft-token-unit word or token." in capsys.readouterr().err


def test_a_dev_set_that_leaves_nothing_to_train_on_is_refused(sentences, tmp_path, capsys):
    assert main(arguments(sentences, tmp_path / "x", "--task", "echo", "--dev-examples", "40")) == 2
    assert "Give more training examples, or other --dev-examples" in capsys.readouterr().err
