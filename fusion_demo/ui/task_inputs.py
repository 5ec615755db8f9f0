"""The inputs that follow a task: boxes for its texts, menus of tasks and checkpoints, shelves of examples.

A `build_…` function adds to the current `gr.Blocks`; its `…_update` is what another task makes of that.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.events import Dependency
from gradio.i18n import I18nData

from fusion_demo.session import Session
from fusion_demo.tasks import Task
from fusion_demo.ui.examples import EXAMPLE_KINDS, example_kind
from fusion_demo.ui.reading import language_name
from fusion_demo.ui.translations import ui_text


def build_text_boxes(task: Task, prefix: str = "", *, lines: int) -> tuple[gr.Textbox, gr.Textbox]:
    """Build a box for the text of a task, and one for the second of a pair, hidden where there is one text.

    Args:
        task: The task to begin with.
        prefix: Begins the ids of the boxes, as "compare-".
        lines: Height of the first box.
    """
    first = gr.Textbox(
        label=box_label(task.fields[0]),
        placeholder=ui_text("type_headline"),
        lines=lines,
        max_lines=12,
        elem_id=f"{prefix}text",
    )
    second = gr.Textbox(
        label=box_label(task.fields[-1]),
        placeholder=ui_text("type_sentence"),
        lines=2,
        max_lines=12,
        visible=len(task.fields) == 2,
        elem_id=f"{prefix}second",
    )
    return first, second


def text_boxes_update(task: Task) -> tuple[gr.Textbox, gr.Textbox]:
    """Return what a task makes of the two boxes."""
    return gr.Textbox(label=box_label(task.fields[0])), second_box_update(task)


def second_box_update(task: Task) -> gr.Textbox:
    """Return what a task makes of a box for the second text of a pair."""
    return gr.Textbox(label=box_label(task.fields[-1]), visible=len(task.fields) == 2)


def second_text(task: Task, typed: str | None) -> str:
    """Return the second text of a pair.

    What was typed into its box stays there, hidden, while a task asks about one text.
    """
    return (typed or "") if len(task.fields) == 2 else ""


def box_label(field: str) -> I18nData:
    """Return the label of the box for a field of a task. Example: "premise" -> "Premise in any language"."""
    return ui_text(f"box_{field}")


def build_task_menu(session: Session, prefix: str = "", *, scale: int | None = None) -> gr.Dropdown:
    """Build the menu of the tasks that have a checkpoint."""
    tasks = session.tasks()
    return gr.Dropdown(
        [(task.title, task.name) for task in tasks],
        value=tasks[0].name,
        label=ui_text("task"),
        scale=scale,
        elem_id=f"{prefix}task",
    )


def build_checkpoint_menu(session: Session, task: Task, prefix: str = "") -> gr.Dropdown:
    """Build the menu of a task's checkpoints, to stand beside `build_task_menu`."""
    names = [info.name for info in session.checkpoints(task.name)]
    return gr.Dropdown(
        names,
        value=names[0],
        label=ui_text("checkpoint"),
        scale=3,
        min_width=240,  # a name is whole on a phone, where the menus then stand below each other
        elem_id=f"{prefix}checkpoint",
    )


def checkpoint_menu_update(session: Session, task: Task) -> gr.Dropdown:
    """Return what a task makes of the menu of checkpoints."""
    names = [info.name for info in session.checkpoints(task.name)]
    return gr.Dropdown(choices=names, value=names[0] if names else None)


def build_shelves(task: Task, boxes: Sequence[gr.Textbox]) -> list[gr.Dataset]:
    """Build a shelf for each kind of examples, by the name of their language; that of the task is shown.

    `gr.Examples` would give the boxes back the label and the visibility that they began with.
    """
    return [
        gr.Dataset(
            components=list(boxes[: len(examples[0]) - 1]),
            samples=[list(texts) for _, *texts in examples],
            sample_labels=[language_name(code) for code, *_ in examples],
            type="index",
            label=ui_text("examples"),
            samples_per_page=len(examples),
            visible=kind == example_kind(task),
        )
        for kind, examples in EXAMPLE_KINDS.items()
    ]


def shelves_update(task: Task) -> list[gr.Dataset]:
    """Return what a task makes of the shelves."""
    return [gr.Dataset(visible=kind == example_kind(task)) for kind in EXAMPLE_KINDS]


def on_example(
    shelves: Sequence[gr.Dataset], boxes: Sequence[gr.Textbox], **options: Any
) -> list[Dependency]:
    """Let examples fill the boxes when they are taken; return the events, to go on from.

    Args:
        shelves: Those of `build_shelves`.
        boxes: Those of `build_text_boxes`.
        options: Of the events.
    """
    return [
        shelf.click(partial(take_example, kind), shelf, list(boxes), **options)
        for kind, shelf in zip(EXAMPLE_KINDS, shelves, strict=True)
    ]


def take_example(kind: str, index: int) -> tuple[str, str]:
    """Return the texts of an example of a kind; the second is empty where there is one text."""
    first, *second = EXAMPLE_KINDS[kind][index][1:]
    return first, "".join(second)
