"""A training is resumed as itself: what its result depends on may not change, what does not may."""

import json
import shutil

import pytest
import torch
from safetensors import safe_open

from fusion_demo.config import BridgeConfig, TrainConfig, option_names
from fusion_demo.pretrained.tiny import build_tiny_encoder, build_tiny_llm
from tests.train_cli.test_interrupt import ctrl_c, press_ctrl_c_at_update_5  # noqa: F401
from tests.train_cli.tiny_training import arguments, same_bits
from train_cli.__main__ import main
from train_cli.recipe import FREE, RECIPE

OPTIONS = ("--sentence-token", "--fusion-dropout", "0.1")


@pytest.fixture
def stopped(data, tmp_path, monkeypatch, capsys):
    """A training that was stopped after 6 of 11 updates."""
    output = tmp_path / "bridge"
    press_ctrl_c_at_update_5(monkeypatch)
    assert main(arguments(data, output, *OPTIONS)) == 130
    monkeypatch.undo()
    capsys.readouterr()
    return output


def resume(data, output, *more):
    return main(arguments(data, output, *OPTIONS, "--resume", *more))


def other_model(folder, build):
    model, tokenizer = build()
    with torch.no_grad():
        next(model.parameters()).add_(0.01)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--seed", "1"), "--seed 0 (now 1)"),
        (("--batch-size", "22"), "--batch-size 4 (now 22)"),
        (("--gradient-accumulation", "2"), "--gradient-accumulation 1 (now 2)"),
        (("--prompt-form", "bare"), "--prompt-form 'auto' (now 'bare')"),
        (("--soft-token-unit", "word"), "--soft-token-unit 'token' (now 'word')"),
        (("--learning-rate", "0.02"), "--learning-rate 0.01 (now 0.02)"),
        (("--epochs", "2"), "--epochs 1 (now 2)"),
        (("--max-examples", "40"), "--max-examples 0 (now 40)"),
        (("--dtype", "bfloat16"), "--dtype 'float32' (now 'bfloat16')"),
        (("--state-cache", "states"), "--state-cache False (now True)"),
        (("--encoder-prefix", "query: "), "--encoder-prefix '' (now 'query: ')"),
        (("--max-text-tokens", "9"), "--max-text-tokens 256 (now 9)"),
        (("--task", "sib200"), "--task 'news' (now 'sib200')"),
    ],
)
def test_an_option_that_the_result_depends_on_is_refused_by_name(data, stopped, capsys, more, named):
    if "sib200" in more:  # whose labels are others
        for path in data.glob("*.jsonl"):
            path.write_text(path.read_text().replace("business", "travel"))
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    assert resume(data, stopped, *more) == 2
    error = capsys.readouterr().err
    assert named in error
    assert "--init-from" in error
    assert {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("role", ["encoder", "llm"])
def test_another_model_of_the_same_shape_is_refused_and_the_same_elsewhere_is_not(
    data, stopped, tmp_path, capsys, role
):
    build = {"encoder": build_tiny_encoder, "llm": build_tiny_llm}[role]
    other = other_model(tmp_path / "other", build)
    assert resume(data, stopped, f"--{role}", other) == 2
    assert f"another --{role}" in capsys.readouterr().err
    model, tokenizer = build()
    model.save_pretrained(tmp_path / "same")
    tokenizer.save_pretrained(tmp_path / "same")
    assert resume(data, stopped, f"--{role}", str(tmp_path / "same")) == 0


def test_other_examples_are_refused_and_the_same_elsewhere_are_not(data, stopped, tmp_path, capsys):
    moved = tmp_path / "moved"
    shutil.copytree(data, moved)
    path = data / "train.en.jsonl"
    path.write_text(path.read_text().replace("story 17", "story 71"))
    assert resume(data, stopped) == 2
    assert "another form of the training examples (--data)" in capsys.readouterr().err
    assert resume(moved, stopped) == 0


def test_how_it_is_measured_may_change(data, stopped, tmp_path, capsys):
    whole = tmp_path / "whole"
    measured = ("--evaluations", "4", "--dev-languages", "en,si", "--dev-examples", "6", "--patience", "9")
    assert resume(data, stopped, *measured, "--recompute", "1") == 0
    assert "resumed at update 6 of 11" in capsys.readouterr().out
    assert main(arguments(data, whole, *OPTIONS, *measured)) == 0
    states = [folder / "last" / "state.safetensors" for folder in (whole, stopped)]
    with safe_open(states[0], "pt") as one, safe_open(states[1], "pt") as two:
        assert all(torch.equal(one.get_tensor(name), two.get_tensor(name)) for name in one.keys())  # noqa: SIM118


def test_a_best_of_other_dev_examples_is_not_compared_with(data, tmp_path, monkeypatch, capsys):
    """Before, 9 of 9; on other dev examples, less: these say from then on what is best."""
    output = tmp_path / "bridge"
    scores = iter([(1.0, -0.1), (0.4, -1.0)])
    monkeypatch.setattr(
        "train_cli.trainer.evaluate_dev", lambda *_: (next(scores), {"en": {"accuracy": 0.5, "n": 9}})
    )
    from train_cli.trainer import Trainer

    update = Trainer.update

    def stopping(self, model):
        if self.progress.updates == 8:
            raise KeyboardInterrupt
        return update(self, model)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", stopping)
        assert main(arguments(data, output, *OPTIONS)) == 130
    assert resume(data, output, "--dev-examples", "5") == 0
    shown = capsys.readouterr().out
    assert "the dev examples are others than before" in shown
    assert f"best at update 11: {output}" in shown


def test_a_state_of_an_earlier_version_is_gone_on_with(data, stopped, tmp_path, capsys):
    (stopped / "last" / RECIPE).unlink()
    assert resume(data, stopped) == 0
    assert "kept no options to compare with" in capsys.readouterr().out
    assert main(arguments(data, tmp_path / "whole", *OPTIONS)) == 0
    assert same_bits(tmp_path / "whole", stopped)


def test_a_damaged_recipe_is_refused(data, stopped, capsys):
    (stopped / "last" / RECIPE).write_text("[]")
    assert resume(data, stopped) == 2
    assert "is damaged" in capsys.readouterr().err


def test_an_option_that_is_added_later_counts_as_its_default(data, stopped):
    path = stopped / "last" / RECIPE
    saved = json.loads(path.read_text())
    assert saved.pop("--soft-token-noise") == 0.0
    path.write_text(json.dumps(saved))
    assert resume(data, stopped, "--soft-token-noise", "0.3") == 2
    assert resume(data, stopped) == 0


def test_every_option_is_judged(data, stopped):
    """What is not free to differ is in the recipe, options added later among them."""
    saved = json.loads((stopped / "last" / RECIPE).read_text())
    names = {*option_names(BridgeConfig), *option_names(TrainConfig)}
    assert names >= FREE
    assert {f"--{name.replace('_', '-')}" for name in names - FREE} <= saved.keys()
    assert {"--encoder", "--llm"} <= saved.keys()
