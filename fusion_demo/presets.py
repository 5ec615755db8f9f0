"""Named sets of option values: a preset's models, and the recipe that it has for a task."""

from collections.abc import Mapping
from typing import Any

from fusion_demo.config import BridgeConfig, TrainConfig, option_names
from fusion_demo.errors import ConfigError, unknown_name

DEFAULT_PRESET = "embedded"
"""What a command takes without `--preset`."""

PRESETS: dict[str, dict[str, Any]] = {
    "embedded": {
        "encoder": "embedded:multilingual-e5-small",
        "llm": "embedded:smollm2-135m-instruct",
        "encoder_prefix": "query: ",
        "sentence_tokens": 1,
        "soft_token_dropout": 0.3,
        "fusion_learning_rate": 1e-4,
        "fusion_score_rate": 0.1,
    },
    "paper": {
        "encoder": "google/mt5-large",
        "llm": "meta-llama/Llama-3.2-1B-Instruct",
        "prompt_form": "bare",
        "projection_norm": False,
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 3e-5,
        "adam_beta1": 0.8,
        "adam_beta2": 0.999,
        "warmup_fraction": 0.05,
    },
    "tiny": {
        "encoder": "tiny:encoder",
        "llm": "tiny:llm",
        "fusion_heads": 2,
    },
}
"""Name → option values. `paper` holds the setting of the paper's section IV."""

_BRIDGE = {"encoder_prefix": "", "fusion_slope": 0.5}
_LABELS = _BRIDGE | {"learning_rate": 3e-4, "evaluations": 1, "dev_examples": 200}
_WRITING = _BRIDGE | {
    "soft_token_unit": "word",
    "max_text_tokens": 128,
    "soft_token_dropout": 0.0,
    "soft_token_split": 0.15,
    "soft_token_merge": 0.1,
    "soft_token_noise": 0.2,
    "soft_token_noise_max": 1.5,
    "soft_token_hiding": 0.3,
    "sentence_tokens": 8,
    "sentence_states": "last-layer",
    "sentence_noise": 1.0,
}
_WARM_START = ("warm_start_epochs", "warm_start_examples", "warm_start_noise", "keyword_epochs")

RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "embedded": {
        "news": _LABELS
        | {
            "soft_token_unit": "text",
            "max_text_tokens": 64,
            "warm_start_epochs": 3,
            "warm_start_noise": 0.5,
            "max_examples": 960,
        },
        "sib200": _LABELS
        | {
            "soft_token_unit": "text",
            "max_text_tokens": 128,
            "warm_start_epochs": 20,
            "warm_start_noise": 1.0,
        },
        "reviews": _LABELS
        | {
            "soft_token_unit": "word",
            "max_text_tokens": 128,
            "warm_start_epochs": 4,
            "warm_start_noise": 0.5,
            "max_examples": 960,
            "soft_token_dropout_max": 0.95,
        },
        "xnli": _LABELS
        | {
            "soft_token_unit": "word",
            "relation_token": True,
            "max_text_tokens": 64,
            "warm_start_epochs": 4,
            "warm_start_examples": 24_000,
            "max_examples": 960,
            "soft_token_dropout_max": 0.95,
        },
        "echo": _WRITING
        | {
            "warm_start_epochs": 1,
            "warm_start_examples": 64_000,
            "keyword_epochs": 4,
            "max_examples": 22_560,
            "batch_size": 32,
            "learning_rate": 5e-4,
            "evaluations": 7,
            "dev_examples": 160,
        },
        "chat": _WRITING | {"max_examples": 840, "learning_rate": 2e-4, "evaluations": 1, "dev_examples": 40},
    },
}
"""Preset → task → option values: what the shipped checkpoints of the task were trained with."""


def preset_values(name: str) -> dict[str, Any]:
    """Return the option values of a preset, whatever the task.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in PRESETS:
        raise ConfigError(unknown_name("preset", name, PRESETS))
    return dict(PRESETS[name])


def option_values(preset: str = DEFAULT_PRESET, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the value of every option that is not given: the task's recipe over the preset over the default.

    The encoder's prefix is left out for another encoder than the preset's, which was not trained to read it,
    and the recipe's warm start for a training that starts from a checkpoint.

    Args:
        preset: Name of a preset.
        given: Options that are given. They are not returned, but others follow from the task, the encoder and
            `init_from`. A task without a recipe, as "", has the preset's values.

    Raises:
        ConfigError: there is no such preset.
    """
    given = given or {}
    values: dict[str, Any] = {}
    for kind in (BridgeConfig, TrainConfig):
        values |= {name: getattr(kind(), name) for name in option_names(kind)}
    recipe = dict(RECIPES.get(preset, {}).get(given.get("task", values["task"]), {}))
    if given.get("init_from"):
        recipe = {name: value for name, value in recipe.items() if name not in _WARM_START}
    usual = values | preset_values(preset) | recipe
    if given.get("encoder", usual["encoder"]) != usual["encoder"]:
        usual["encoder_prefix"] = values["encoder_prefix"]
    return usual
