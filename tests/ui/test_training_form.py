"""The form that writes a training's command."""

import shlex
from pathlib import Path

import gradio as gr
import pytest

from fusion_demo.config import BridgeConfig, TrainConfig, option_names
from fusion_demo.errors import ConfigError
from fusion_demo.presets import PRESETS, option_values
from fusion_demo.ui.training_form import FIELDS, FIRST, training_form, written_command
from train_cli.__main__ import build_parser

FOLDER = Path("checkpoints")


def test_every_option_of_the_command_has_a_field():
    assert set(FIELDS) == {*option_names(BridgeConfig), *option_names(TrainConfig)}
    assert set(FIRST) <= set(FIELDS)


def test_an_untouched_form_writes_a_command_that_parses():
    command = written_command(FOLDER, "embedded", {})
    assert command == "python -m train_cli train --task news --data FOLDER --output checkpoints/news-own"
    build_parser("train").parse_args(shlex.split(command)[3:])


def test_a_task_with_a_data_set_on_the_hub_needs_no_folder():
    assert "--data" not in written_command(FOLDER, "embedded", {"task": "xnli", "data": ""})


def test_the_fields_as_the_browser_gives_them_are_read():
    values = {**option_values(), "output": "", "data": " a b; rm -rf / ", "epochs": 2.0, "seed": None}
    command = written_command(FOLDER, "embedded", values)
    options = "--task news --data 'a b; rm -rf /' --output checkpoints/news-own --epochs 2"
    assert command == f"python -m train_cli train {options}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"output": "../elsewhere"}, "is not a name inside checkpoints/"),
        ({"output": "/etc"}, "is not a name inside checkpoints/"),
        ({"data": "a\nb"}, "'data' holds a control character"),
        ({"epochs": 0}, "'epochs' must be at least 1"),
        ({"epochs": 1.5}, "'epochs' takes int"),
        ({"soft_token_dropout": 2}, "must be at least 0 and below 1"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(values, message):
    with pytest.raises(ConfigError) as refused:
        written_command(FOLDER, "embedded", values)
    assert message in str(refused.value)


def test_a_preset_brings_its_values_and_leaves_task_and_folders():
    with gr.Blocks() as demo:
        training_form(FOLDER)
    choose, write = (next(f.fn for f in demo.fns.values() if f.name == name) for name in ("choose", "write"))
    names = [*FIRST, *(name for name in FIELDS if name not in FIRST)]
    values = dict(zip(names, choose("paper", "news"), strict=True))
    assert values["encoder"] == PRESETS["paper"]["encoder"]
    kept = {"task": "news", "data": "d", "output": "own"}
    written = write("paper", *(values | kept).values())
    (command,) = [new.value for block, new in written.items() if block.elem_id == "command"]
    assert command == "python -m train_cli train --preset paper --task news --data d --output checkpoints/own"
    refused = write("paper", *(values | kept | {"output": ".."}).values())
    assert any(block.elem_id == "command-problem" and new.visible for block, new in refused.items())
