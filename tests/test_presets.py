"""Presets and recipes: what an option is that nobody gives."""

import pytest

from fusion_demo.config import BridgeConfig, TrainConfig, option_names, read_config
from fusion_demo.errors import ConfigError
from fusion_demo.presets import PRESETS, RECIPES, option_values, preset_values
from fusion_demo.tasks import TASKS, WRITING_TASKS, get_training_task
from fusion_demo.training_command import check_trainable

TRAINED = [task.name for task in {**TASKS, **WRITING_TASKS}.values() if not task.trained_on]


def read(values):
    return (
        read_config(kind, {name: values[name] for name in option_names(kind)}, "options")
        for kind in (BridgeConfig, TrainConfig)
    )


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("task", TRAINED)
def test_every_preset_can_train_every_task(preset, task):
    bridge, training = read(option_values(preset, {"task": task}) | {"task": task})
    check_trainable(get_training_task(training.task), bridge)


def test_every_recipe_is_of_a_preset_and_a_task_that_is_trained():
    assert set(RECIPES) <= set(PRESETS)
    for recipes in RECIPES.values():
        assert set(recipes) <= set(TRAINED)


def test_the_recipe_wins_over_the_preset_over_the_default():
    values = option_values("embedded", {"task": "echo"})
    assert values["soft_token_dropout"] == 0.0  # recipe; the preset has 0.3
    assert values["fusion_score_rate"] == 0.1  # preset; the default is 1
    assert values["sentence_tokens"] == 8  # recipe; the preset has 1
    assert values["weight_decay"] == TrainConfig().weight_decay
    assert set(values) == {*option_names(BridgeConfig), *option_names(TrainConfig)}


def test_without_a_task_the_recipe_is_that_of_the_task_that_train_takes():
    assert option_values() == option_values("embedded", {"task": TrainConfig().task})


def test_another_encoder_does_not_get_the_presets_prefix():
    preset = {"task": "sentiment"}  # no recipe, which would set the prefix itself
    assert option_values(given=preset)["encoder_prefix"] == "query: "
    assert (
        option_values(given=preset | {"encoder": PRESETS["embedded"]["encoder"]})["encoder_prefix"]
        == "query: "
    )
    assert option_values(given=preset | {"encoder": "some/encoder"})["encoder_prefix"] == ""


def test_a_training_that_starts_from_a_checkpoint_has_no_warm_start():
    for task in RECIPES["embedded"]:
        values = option_values(given={"task": task, "init_from": "checkpoints/other"})
        assert values["warm_start_epochs"] == values["warm_start_examples"] == values["warm_start_noise"] == 0


def test_preset_values_are_a_copy():
    preset_values("tiny")["llm"] = "changed"
    option_values("tiny")["llm"] = "changed"
    assert preset_values("tiny")["llm"] == option_values("tiny")["llm"] == "tiny:llm"


def test_an_unknown_preset_is_refused():
    for read_preset in (preset_values, option_values):
        with pytest.raises(ConfigError, match=r"Unknown preset 'papers'. Did you mean 'paper'\?"):
            read_preset("papers")
