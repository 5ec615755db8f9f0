"""Options: defaults, ranges, strict reading, and names that stay in their folder."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_demo.config import BridgeConfig, TrainConfig, option_names, read_config
from fusion_demo.errors import ConfigError
from fusion_demo.files import confined

BOTH = pytest.mark.parametrize("kind", [BridgeConfig, TrainConfig])


@BOTH
def test_every_option_has_a_default_a_meaning_and_a_plain_type(kind):
    for field in dataclasses.fields(kind):
        assert field.type in (str, int, float, bool)
        assert type(field.default) is field.type
        assert len(field.metadata["help"]) > 10


@BOTH
def test_a_config_survives_json(kind):
    config = kind()
    values = json.loads(json.dumps(dataclasses.asdict(config)))
    assert read_config(kind, values, "config.json") == config


@BOTH
def test_a_config_cannot_be_changed(kind):
    name = option_names(kind)[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(kind(), name, "other")


def test_no_option_is_in_both_configs():
    # The command line and the YAML file have one flat set of names.
    assert not set(option_names(BridgeConfig)) & set(option_names(TrainConfig))


@pytest.mark.parametrize(
    ("kind", "name", "value", "message"),
    [
        (
            BridgeConfig,
            "fusion",
            "last_layer",
            r"Unknown fusion 'last_layer'. Did you mean 'last-layer'\? Available:",
        ),
        (BridgeConfig, "projection", "cubic", "Unknown projection 'cubic'"),
        (BridgeConfig, "projection_width", -1, "'projection_width' must be at least 0"),
        (BridgeConfig, "prompt_form", "char", r"Did you mean 'chat'\?"),
        (BridgeConfig, "text_prompt", "augmented", r"Did you mean 'augment'\?"),
        (BridgeConfig, "text_prompt_tokens", 0, "'text_prompt_tokens' must be at least 1"),
        (BridgeConfig, "max_text_tokens", 0, "'max_text_tokens' must be at least 1, not 0"),
        (BridgeConfig, "fusion_blocks", 0, "'fusion_blocks' must be at least 1"),
        (BridgeConfig, "fusion_heads", -4, "'fusion_heads' must be at least 1"),
        (BridgeConfig, "fusion_feedforward", 0.0, "'fusion_feedforward' must be above 0"),
        (BridgeConfig, "fusion_dropout", 1.0, "'fusion_dropout' must be at least 0 and below 1"),
        (TrainConfig, "epochs", 0, "'epochs' must be at least 1"),
        (TrainConfig, "batch_size", 0, "'batch_size' must be at least 1"),
        (TrainConfig, "gradient_accumulation", 0, "'gradient_accumulation' must be at least 1"),
        (TrainConfig, "max_examples", -1, "'max_examples' must be at least 0"),
        (TrainConfig, "seed", -1, "'seed' must be at least 0"),
        (TrainConfig, "learning_rate", 0.0, "'learning_rate' must be above 0"),
        (TrainConfig, "learning_rate", float("nan"), "'learning_rate' must be above 0"),
        (TrainConfig, "weight_decay", -0.1, "'weight_decay' must be at least 0"),
        (TrainConfig, "max_gradient_norm", 0.0, "'max_gradient_norm' must be above 0"),
        (TrainConfig, "warmup_fraction", 1.5, "'warmup_fraction' must be at least 0 and below 1"),
        (TrainConfig, "recompute", 1.5, "'recompute' must be at least 0 and at most 1, not 1.5"),
        (TrainConfig, "adam_beta1", -0.1, "'adam_beta1' must be at least 0 and below 1"),
    ],
)
def test_a_value_out_of_range_is_refused(kind, name, value, message):
    with pytest.raises(ConfigError, match=message):
        kind(**{name: value})
    with pytest.raises(ConfigError, match=f"^run.yaml: .*{message}"):
        read_config(kind, {name: value}, "run.yaml")


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (
            TrainConfig,
            {"epoch": 1},
            r"run.yaml: Unknown option 'epoch'. Did you mean 'epochs'\?",
        ),
        (BridgeConfig, {"epochs": 1}, "Unknown option 'epochs'"),
        (TrainConfig, {"epochs": "3"}, "'epochs' takes int, not str '3'"),
        (TrainConfig, {"epochs": 3.0}, "'epochs' takes int, not float 3.0"),
        (TrainConfig, {"epochs": True}, "'epochs' takes int, not bool True"),
        (TrainConfig, {"learning_rate": "1e-3"}, "'learning_rate' takes float, not str"),
        (TrainConfig, {"learning_rate": True}, "'learning_rate' takes float, not bool"),
        (TrainConfig, {"task": None}, "'task' takes str, not NoneType None"),
        (BridgeConfig, {"projection_norm": 1}, "'projection_norm' takes bool, not int 1"),
    ],
)
def test_an_unknown_key_or_a_wrong_type_is_refused(kind, values, message):
    with pytest.raises(ConfigError, match=message):
        read_config(kind, values, "run.yaml")


def test_the_highest_dropout_is_not_below_the_lowest():
    assert TrainConfig(soft_token_dropout=0.3).soft_token_dropout_max == 0.0
    with pytest.raises(ConfigError, match="Give at least that, or 0 for no draw"):
        TrainConfig(soft_token_dropout=0.3, soft_token_dropout_max=0.2)


def test_a_bridge_without_words_needs_a_token_for_the_whole_text():
    with pytest.raises(ConfigError, match="Add --sentence-tokens 1"):
        BridgeConfig(soft_token_unit="text")
    BridgeConfig(soft_token_unit="text", sentence_tokens=1)
    BridgeConfig(soft_token_unit="text", relation_token=True)


def test_a_whole_number_is_read_as_a_float_where_a_float_is_meant():
    learning_rate = read_config(TrainConfig, {"learning_rate": 1}, "run.yaml").learning_rate
    assert (learning_rate, type(learning_rate)) == (1.0, float)


@pytest.mark.parametrize("name", ["news", "news/best", "..news", "ප්‍රවෘත්ති", "a b"])
def test_a_name_inside_the_folder_is_accepted(tmp_path, name):
    assert confined(tmp_path, name) == tmp_path.resolve() / name


@pytest.mark.parametrize("name", ["", ".", "..", "../news", "a/../../b", "/etc/passwd", "a\0b", "a/.."])
def test_a_name_outside_the_folder_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=r"is not a name inside .*Give a plain name"):
        confined(tmp_path, name)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    inside = tmp_path / "checkpoints"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ConfigError, match="is not a name inside checkpoints/"):
        confined(inside, "link")


@given(name=st.text(alphabet="./\0ab\\~", max_size=12))
def test_no_name_leads_out_of_the_folder(name):
    base = Path("/srv/checkpoints")
    try:
        path = confined(base, name)
    except ConfigError:
        return
    assert base in path.parents


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (TrainConfig, "learning_rate", float("inf")),
        (TrainConfig, "fusion_learning_rate", 1e38),
        (BridgeConfig, "fusion_slope", float("nan")),
    ],
)
def test_numbers_that_float32_cannot_compute_with_are_refused(kind, name, value):
    with pytest.raises(ConfigError, match=f"x: '{name}' must be at most 1e"):
        read_config(kind, {name: value}, "x")
