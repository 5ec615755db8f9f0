import argparse

import pytest
import torch

from fusion_demo.config import BridgeConfig, TrainConfig, option_names
from fusion_demo.errors import ConfigError
from train_cli.arguments import (
    add_config_arguments,
    add_runtime_arguments,
    command_line,
    read_configs,
    read_runtime,
)


def parse(*argv):
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    add_runtime_arguments(parser)
    return parser.parse_args(argv)


def test_every_option_has_a_flag_with_its_default_in_the_help():
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    text = parser.format_help()
    for name in (*option_names(BridgeConfig), *option_names(TrainConfig)):
        assert f"--{name.replace('_', '-')}" in text


def test_the_command_line_wins_over_the_file_over_the_preset_over_the_default(tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text("preset: paper\nlearning_rate: 5e-4\nepochs: 2\n".replace("5e-4", "0.0005"))
    bridge, training = read_configs(parse("--config", str(file), "--epochs", "7"))
    assert training.epochs == 7  # command line
    assert training.learning_rate == 5e-4  # file
    assert bridge.encoder == "google/mt5-large"  # preset
    assert training.gradient_accumulation == 1  # default
    bridge, _ = read_configs(parse("--config", str(file), "--preset", "tiny"))
    assert bridge.encoder == "tiny:encoder"


def test_the_embedded_preset_is_the_default_and_brings_the_recipe_of_the_task():
    bridge, training = read_configs(parse("--task", "xnli"))
    assert bridge.encoder == "embedded:multilingual-e5-small"
    assert bridge.relation_token
    assert (training.warm_start_examples, training.soft_token_dropout_max) == (24_000, 0.95)
    assert read_configs(parse("--task", "xnli", "--init-from", "a"))[1].warm_start_epochs == 0


def test_another_encoder_does_not_get_the_presets_prefix():
    assert read_configs(parse("--encoder", "some/encoder"))[0].encoder_prefix == ""
    both = parse("--encoder", "some/encoder", "--encoder-prefix", "passage: ")
    assert read_configs(both)[0].encoder_prefix == "passage: "


def test_booleans_can_be_switched_off():
    assert read_configs(parse("--task", "echo", "--sentence-tokens", "0"))[0].sentence_tokens == 0
    assert read_configs(parse("--sentence-tokens", "8"))[0].sentence_tokens == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epoch: 3", "Unknown option 'epoch'. Did you mean 'epochs'"),
        ("epochs: three", "'epochs' takes int, not str 'three'"),
        ("epochs: 0", "'epochs' must be at least 1"),
        ("- a\n- b", "must hold options"),
        ("a: [", "not valid YAML"),
        ("preset: huge", "Unknown preset 'huge'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, message):
    file = tmp_path / "recipe.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_configs(parse("--config", str(file)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"Cannot read the config file .*nothing.yaml"):
        read_configs(parse("--config", str(tmp_path / "nothing.yaml")))


def test_device_and_dtype():
    assert read_runtime(parse("--device", "cpu", "--dtype", "bfloat16")) == ("cpu", torch.bfloat16)
    with pytest.raises(ConfigError, match="no device 'cuda:99' here"):
        read_runtime(parse("--device", "cuda:99"))


def test_the_command_can_be_pasted_into_a_shell(monkeypatch):
    monkeypatch.setattr("sys.argv", ["x", "train", "--encoder-prefix", "query: ", "--resume"])
    assert command_line(leave_out=("--resume",)) == "python -m train_cli train --encoder-prefix 'query: '"
