"""The inputs that follow a task, as several tabs share them."""

import gradio as gr
import pytest

from fusion_demo.session import Session
from fusion_demo.tasks import TASKS
from fusion_demo.ui.examples import EXAMPLE_KINDS, EXAMPLES, PAIR_EXAMPLES
from fusion_demo.ui.task_inputs import (
    build_checkpoint_menu,
    build_shelves,
    build_task_menu,
    build_text_boxes,
    checkpoint_menu_update,
    second_text,
    shelves_update,
    take_example,
    text_boxes_update,
)

NEWS, PAIRS = TASKS["news"], TASKS["xnli"]


@pytest.mark.parametrize("task", [NEWS, PAIRS])
def test_boxes_and_shelves_of_a_chosen_task_are_those_that_a_page_of_it_begins_with(task):
    with gr.Blocks():
        boxes = build_text_boxes(task, lines=3)
        shelves = build_shelves(task, boxes)
    updates = text_boxes_update(task)
    assert [box.label.key for box in updates] == [box.label.key for box in boxes]
    assert updates[1].visible == boxes[1].visible == (task is PAIRS)
    assert [shelf.visible for shelf in shelves_update(task)] == [shelf.visible for shelf in shelves]


def test_menus_begin_with_the_best_checkpoint_and_its_task(tiny_checkpoints):
    session = Session(tiny_checkpoints)
    with gr.Blocks():
        tasks = build_task_menu(session, "some-")
        checkpoints = build_checkpoint_menu(session, NEWS, "some-")
    assert (tasks.value, checkpoints.value) == ("news", "news-second")
    assert (tasks.elem_id, checkpoints.elem_id) == ("some-task", "some-checkpoint")
    update = checkpoint_menu_update(session, NEWS)
    assert (update.choices, update.value) == (checkpoints.choices, checkpoints.value)


def test_the_second_text_is_not_read_where_a_task_asks_about_one():
    assert second_text(NEWS, "typed before") == ""
    assert second_text(PAIRS, "typed") == "typed"
    assert second_text(PAIRS, None) == ""


def test_an_example_fills_the_boxes_and_empties_the_one_it_does_not_need():
    assert take_example("headlines", 0) == (EXAMPLES[0][1], "")
    assert take_example("pairs", 1) == PAIR_EXAMPLES[1][1:]


def test_a_shelf_shows_every_text_of_its_examples():
    with gr.Blocks():
        shelves = build_shelves(NEWS, build_text_boxes(NEWS, lines=3))
    for shelf, examples in zip(shelves, EXAMPLE_KINDS.values(), strict=True):
        assert shelf.samples == [list(texts) for _, *texts in examples]
