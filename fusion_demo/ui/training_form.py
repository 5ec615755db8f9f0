"""A form that writes the command of a training. It is made from the options of `train`, and runs nothing."""

import dataclasses
import typing
from pathlib import Path
from typing import Any

import gradio as gr

from fusion_demo.config import BridgeConfig, TrainConfig
from fusion_demo.errors import ConfigError, FusionDemoError
from fusion_demo.files import confined
from fusion_demo.presets import DEFAULT_PRESET, PRESETS, option_values
from fusion_demo.tasks import TASKS, WRITING_TASKS, get_training_task
from fusion_demo.training_command import training_command
from fusion_demo.ui.reading import problem_html
from fusion_demo.ui.translations import ui_text

FIRST = ("task", "data", "output", "fusion", "soft_token_unit", "max_examples", "epochs", "seed")
"""Options that everybody chooses; the others are behind a fold."""

LABELS = {
    "data": "Data folder",
    "output": "Name of the new checkpoint",
}
FIELDS = {
    field.name: (field, typing.get_type_hints(kind)[field.name])
    for kind in (BridgeConfig, TrainConfig)
    for field in dataclasses.fields(kind)
}
"""Every option of `train` → its declaration and its type."""


def training_form(folder: Path) -> None:
    """Build the form inside the current `gr.Blocks`.

    Args:
        folder: The checkpoints' folder, in which the new one gets a name.
    """

    def write(preset: str, *values: Any) -> dict[Any, Any]:
        try:
            text = written_command(folder, preset, dict(zip(inputs, values, strict=True)))
        except FusionDemoError as error:
            return {
                problem: gr.HTML(problem_html(str(error)), visible=True),
                command: gr.Code(visible=False),
            }
        return {problem: gr.HTML(visible=False), command: gr.Code(text, visible=True)}

    def choose(preset: str, task: str) -> list[Any]:
        values = option_values(preset, {"task": task})
        return [gr.skip() if name in LABELS or name == "task" else values[name] for name in inputs]

    with gr.Accordion(ui_text("training_form"), open=False, elem_id="training-form"):
        gr.Markdown(ui_text("training_form_explained"))
        with gr.Row():
            inputs = {name: _field(name) for name in FIRST}
            preset = gr.Dropdown(
                list(PRESETS), value=DEFAULT_PRESET, label=ui_text("preset"), elem_id="train-preset"
            )
        with gr.Accordion(ui_text("other_options"), open=False), gr.Row():
            inputs |= {name: _field(name) for name in FIELDS if name not in FIRST}
        problem = gr.HTML(visible=False, elem_id="command-problem")
        command = gr.Code(
            written_command(folder, DEFAULT_PRESET, {}),
            language="shell",
            interactive=False,
            label=ui_text("command"),
            wrap_lines=True,
            lines=2,
            max_lines=10,
            elem_id="command",
        )

    quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    asked, said = [preset, *inputs.values()], [problem, command]
    gr.on(
        [preset.input, inputs["task"].input], choose, [preset, inputs["task"]], list(inputs.values()), **quiet
    ).then(write, asked, said, **quiet)
    edited = [_edited(field) for name, field in inputs.items() if name != "task"]
    gr.on(edited, write, asked, said, trigger_mode="always_last", **quiet)


def written_command(folder: Path, preset: str, values: dict[str, Any]) -> str:
    """Return the command for what the form holds; empty fields have the value that `train` takes.

    Args:
        folder: The checkpoints' folder.
        preset: Name of a preset.
        values: Option → value, as the form's fields give it; "output" is a name within the folder.

    Raises:
        ConfigError: a value is wrong; the message says which.
    """
    options: dict[str, Any] = {}
    for name, value in values.items():
        kind = FIELDS[name][1]
        if value is None or (name in ("output", "task") and not value):
            continue
        if kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, str):
            if any(ord(letter) < 32 or letter == "\x7f" for letter in value):
                raise ConfigError(f"'{name}' holds a control character. Type it anew.")
            value = value if name == "encoder_prefix" else value.strip()
        options[name] = value
    task = options.get("task", TrainConfig().task)
    name = options.get("output") or f"{task}-own"
    confined(folder, name)
    options["output"] = f"{folder.name}/{name}"
    if not options.get("data") and get_training_task(task).hub is None:
        options["data"] = "FOLDER"
    return training_command(options, preset)


def _edited(field: Any) -> Any:
    """Return the event of a field that was edited; a text that is pasted is a change, and no key."""
    return field.change if isinstance(field, gr.Textbox) else field.input


def _field(name: str) -> Any:
    declared, kind = FIELDS[name]
    value = option_values()[name]
    given = {
        "label": LABELS.get(name, name.replace("_", " ").capitalize()),
        "info": declared.metadata["help"],
        "elem_id": f"train-{name.replace('_', '-')}",
        "min_width": 240,
    }
    if name == "task":
        tasks = {**TASKS, **WRITING_TASKS}
        names = [task.name for task in tasks.values() if not task.trained_on]
        return gr.Dropdown(names, value=value, **given)
    if declared.metadata["choices"]:
        return gr.Dropdown(list(declared.metadata["choices"]), value=value, **given)
    if kind is bool:
        return gr.Checkbox(value, **given)
    if kind is int:
        return gr.Number(value, precision=0, **given)
    if kind is float:
        return gr.Number(value, **given)
    info = "empty: news-own, after the task" if name == "output" else given.pop("info")
    return gr.Textbox("" if name in LABELS else value, max_lines=1, **given | {"info": info})
