"""Commands of trainings: what is written is read back by the command line as it was meant."""

import dataclasses
import shlex

import pytest

from fusion_demo.config import BridgeConfig, TrainConfig
from fusion_demo.errors import ConfigError
from fusion_demo.presets import PRESETS, option_values
from fusion_demo.tasks import get_training_task
from fusion_demo.training_command import check_trainable, training_command
from train_cli.__main__ import build_parser
from train_cli.arguments import read_configs


def read_back(command):
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "train_cli", "train"]
    bridge, training = read_configs(build_parser("train").parse_args(words[3:]))
    return dataclasses.asdict(bridge) | dataclasses.asdict(training)


def test_the_docstrings_worked_example():
    options = {"task": "news", "data": "my data", "output": "checkpoints/a", "seed": 3}
    assert training_command(options) == (
        "python -m train_cli train --task news --data 'my data' --output checkpoints/a --seed 3"
    )


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sentence_tokens": 0, "projection_norm": True, "fusion": "last-layer", "task": "echo"},
        {"encoder_prefix": "", "soft_token_unit": "word", "task": "echo"},
        {
            "encoder_prefix": "-p '$HOME' `id`; ",
            "data": "--help",
            "learning_rate": 2e-05,
            "dev_languages": "si,en",
        },
        {"encoder_prefix": "a\nb", "data": "සිංහල දත්ත", "init_from": "a b", "max_examples": 960},
        {"encoder": "some/encoder", "encoder_prefix": "query: ", "task": "sib200", "init_from": ""},
    ],
)
def test_the_command_line_reads_back_what_was_meant(preset, options):
    options = {"output": "checkpoints/own", **options}
    assert read_back(training_command(options, preset)) == option_values(preset, options) | options


def test_what_is_as_usual_is_left_out():
    command = training_command({**option_values(), "output": "a"})
    assert command == "python -m train_cli train --task news --output a"
    assert "--preset paper" in training_command({"output": "a"}, "paper")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "a", "fusion": "softmax"}, "Unknown fusion 'softmax'"),
        ({"output": "a", "epochs": 0}, "'epochs' must be at least 1"),
        ({"output": "a", "epochs": "2"}, "'epochs' takes int, not str"),
        ({"output": "a", "epoch": 2}, "Unknown option 'epoch'"),
        ({"output": "a", "task": "sentiment"}, "Train --task reviews"),
        ({"output": "a", "task": "echo", "soft_token_unit": "text"}, "Give --soft-token-unit word or token"),
        ({}, "Say where to write the checkpoint"),
    ],
)
def test_what_cannot_be_trained_is_refused(options, message):
    with pytest.raises(ConfigError) as refused:
        training_command(options)
    assert message in str(refused.value)


def test_every_task_that_is_trained_is_trainable():
    for name in ("news", "xnli", "echo", "chat"):
        check_trainable(get_training_task(name), BridgeConfig())
    assert TrainConfig().task == "news"
