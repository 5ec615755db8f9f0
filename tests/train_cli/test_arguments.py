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
    file.write_text("preset: paper\nlearning_rate: 5e-4\nepochs: 2\n")
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
    assert read_configs(parse("--sentence-token"))[0].sentence_tokens == 1  # the option of before
    assert read_configs(parse("--task", "echo", "--no-sentence-token"))[0].sentence_tokens == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epoch: 3", "yaml, line 1: Unknown option 'epoch'. Did you mean 'epochs'"),
        (
            "# one\nepochs: three",
            r"yaml, line 2: 'epochs' takes a whole number, not 'three'\. Write it as in `epochs: 1`, or",
        ),
        ("epochs: 1.5", "'epochs' takes a whole number, not '1.5'"),
        ("epochs: .inf", "'epochs' takes a whole number"),
        ("learning_rate: fast", "takes a number, not 'fast'. Write it as in `learning_rate: 0.001`"),
        ("learning_rate: 2,5e-5", "takes a number, not '2,5e-5'"),
        ("dev_languages: [en, [si]]", "'dev_languages' takes a text, not a sequence"),
        ("learning_rate: [1]", "takes a number, not a sequence"),
        ("learning_rate: 1e999", "'learning_rate' must be at most 1e\\+30, not inf"),
        (
            "projection_norm: maybe",
            "takes true or false, not 'maybe'. Write it as in `projection_norm: t",
        ),
        ("data:", "'data' takes a text, not ''. Write it as in `data: \"\"`, or leave the line out"),
        ("output: ~", "'output' takes a text, not '~'"),
        ("seed: 1\nepochs: 2\nseed: 3", "line 3: 'seed' is there a second time. Keep one"),
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


@pytest.mark.parametrize(
    ("content", "name", "value"),
    [
        ("learning_rate: 2e-5", "learning_rate", 2e-5),
        ("learning_rate: 2E-5 # small", "learning_rate", 2e-5),
        ("learning_rate: '.00002'", "learning_rate", 2e-5),
        ("learning_rate: 1", "learning_rate", 1.0),
        ("fusion_learning_rate: 1e-3", "fusion_learning_rate", 1e-3),
        ("max_examples: 1e4", "max_examples", 10_000),
        ("max_examples: 10_000", "max_examples", 10_000),
        ("seed: 010", "seed", 10),
        ("recompute: 1:30", "recompute", ConfigError),
        ("projection_norm: off", "projection_norm", False),
        ("projection_norm: 'false'", "projection_norm", False),
        ("data: 2024-01-31", "data", "2024-01-31"),
        ("data: 007", "data", "007"),
        ("data: no", "data", "no"),
        ("encoder_prefix: ''", "encoder_prefix", ""),
        ("encoder_prefix: 'query: '", "encoder_prefix", "query: "),
        ("dev_languages: en, si", "dev_languages", "en,si"),
        ("dev_languages: [en, si]", "dev_languages", "en,si"),
        ("dev_languages:\n- en\n- si", "dev_languages", "en,si"),
    ],
)
def test_what_a_value_is_follows_from_its_option(tmp_path, content, name, value):
    file = tmp_path / "recipe.yaml"
    file.write_text(content)
    if value is ConfigError:
        with pytest.raises(ConfigError, match=f"line 1: '{name}' takes a number"):
            read_configs(parse("--config", str(file)))
        return
    bridge, training = read_configs(parse("--config", str(file)))
    found = getattr(bridge if hasattr(bridge, name) else training, name)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("name", ["output", "data", "init_from", "state_cache", "encoder", "llm"])
def test_a_path_begins_in_the_home_folder(tmp_path, monkeypatch, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "recipe.yaml"
    file.write_text(f"{name}: ~/x y")
    for arguments in (["--config", str(file)], [f"--{name.replace('_', '-')}", "~/x y"]):
        bridge, training = read_configs(parse(*arguments))
        assert getattr(bridge if hasattr(bridge, name) else training, name) == str(tmp_path / "x y")
    file.write_text(f"{name}: ~nobody-of-that-name/x")
    with pytest.raises(ConfigError, match="home folder of a user that does not exist here"):
        read_configs(parse("--config", str(file)))


@pytest.mark.parametrize("given", ["en, si", " en ,si,", "en,si,en"])
def test_a_list_is_read_with_or_without_spaces(given):
    assert read_configs(parse("--dev-languages", given))[1].dev_languages == "en,si"


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
