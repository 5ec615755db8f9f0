"""The tab Compare: one text through two to four systems, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from fusion_demo.classification import Classification
from fusion_demo.errors import FusionDemoError
from fusion_demo.lanes import MAX_LANES, Lane, LaneAnswer
from fusion_demo.session import Session
from fusion_demo.tasks import get_task
from fusion_demo.ui.lane import build_lane, lane_of, start_lanes, system_choices
from fusion_demo.ui.reading import PRESSED, WORDS, draw_heatmap, problem_html, view_choices
from fusion_demo.ui.refusal import refusal
from fusion_demo.ui.task_inputs import (
    build_shelves,
    build_task_menu,
    build_text_boxes,
    on_example,
    second_text,
    shelves_update,
    text_boxes_update,
)
from fusion_demo.ui.translations import ui_text

COUNTS = list(range(2, MAX_LANES + 1))
START_COUNT = 3


@dataclass(frozen=True)
class Question:
    """What was compared last, for lanes that are asked anew.

    Attributes:
        text: The text, or the first of a pair.
        second: The second of a pair, or nothing.
        task: Name of the task.
    """

    text: str
    second: str
    task: str

    def ask(self, session: Session, lanes: list[Lane]) -> Iterator[LaneAnswer | FusionDemoError]:
        """Put the question to some lanes, see `Session.compare`."""
        return session.compare(self.text, self.task, lanes, self.second)


def compare_tab(session: Session) -> None:
    """Build the tab inside the current `gr.Blocks` and wire it to a session."""
    start = session.tasks()[0]

    def choose_task(name: str) -> dict[Any, Any]:
        try:
            chosen, found = get_task(name), session.checkpoints(name)
        except FusionDemoError as error:
            raise refusal(error) from error
        update = empty()
        update |= zip(boxes, text_boxes_update(chosen), strict=True)
        update |= zip(shelves, shelves_update(chosen), strict=True)
        for lane, beginning in zip(lanes, start_lanes(found), strict=True):
            update[lane.system] = gr.Dropdown(choices=system_choices(found), value=beginning.system)
            update |= lane.choose(beginning)
        return update

    def empty() -> dict[Any, Any]:
        """Nothing is compared any more: what is shown belongs to another question."""
        update = {asked: None, shown: [None] * MAX_LANES, problem: gr.HTML(visible=False)}
        for lane in lanes:
            update |= lane.blank()
        return update

    def ask_all(
        text: str, second: str, name: str, count: int, view: str, *choices: Any
    ) -> Iterator[dict[Any, Any]]:
        try:
            question = Question(text or "", second_text(get_task(name), second), name)
            chosen = [lane_of(*choices[2 * place : 2 * place + 2]) for place in range(count)]
            coming = question.ask(session, chosen)
        except FusionDemoError as error:
            yield {**empty(), problem: gr.HTML(problem_html(str(error)), visible=True)}
            return
        start = {**empty(), asked: question}
        for lane in lanes[:count]:
            start |= lane.blank(f'<div class="note">{ui_text("waiting")}</div>')
        yield start
        results: list[Classification | None] = [None] * MAX_LANES
        waiting = list(lanes[:count])
        try:
            for place, answer in enumerate(coming):
                results[place] = getattr(answer, "classification", None)
                yield {**waiting.pop(0).draw(answer, view), shown: results}
        except FusionDemoError as error:  # who answers for the lanes is gone: those that were drawn stay
            update: dict[Any, Any] = {}
            for lane in waiting:
                update |= lane.draw(error, view)
            yield update

    def ask_again(
        place: int,
        question: Question | None,
        results: list[Classification | None],
        view: str,
        system: str,
        last_layer_only: bool,
    ) -> dict[Any, Any]:
        """Answer in one lane anew after another choice there; before the first comparison, only choose."""
        lane = lane_of(system, last_layer_only)
        update = lanes[place].choose(lane)
        if question is None:
            return update
        try:
            (answer,) = question.ask(session, [lane])
        except FusionDemoError as error:
            answer = error
        results = [*results[:place], getattr(answer, "classification", None), *results[place + 1 :]]
        return {**update, **lanes[place].draw(answer, view), shown: results}

    def redraw(results: list[Classification | None], view: str) -> dict[Any, Any]:
        return {
            lane.heatmap: draw_heatmap(result, view) if result else gr.skip()
            for lane, result in zip(lanes, results, strict=True)
        }

    def choose_count(count: int) -> list[gr.Column]:
        return [gr.Column(visible=place < count) for place in range(MAX_LANES)]

    asked, shown = gr.State(None), gr.State([None] * MAX_LANES)
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            text, second = boxes = build_text_boxes(start, "compare-", lines=3)
        with gr.Column(scale=4, min_width=320):
            with gr.Row():
                task = build_task_menu(session, "compare-")
                count = gr.Radio(COUNTS, value=START_COUNT, label=ui_text("lanes"), elem_id="compare-count")
            go = gr.Button(ui_text("compare"), variant="primary", elem_id="compare-go")
    shelves = build_shelves(start, boxes)
    problem = gr.HTML(visible=False, elem_id="compare-problem")
    view = gr.Radio(view_choices(), value=WORDS, label=ui_text("columns_of_heatmaps"), elem_id="compare-view")
    found = session.checkpoints(start.name)
    with gr.Row(elem_classes="lanes"):
        lanes = [
            build_lane(number, lane, system_choices(found), visible=number <= START_COUNT)
            for number, lane in enumerate(start_lanes(found), start=1)
        ]
    gr.Markdown(ui_text("compare_explained"), elem_id="compare-explanation")

    at_once = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    in_turn = {"show_progress": "hidden", "api_visibility": "private", **PRESSED}
    choices = [part for lane in lanes for part in (lane.system, lane.last_layer_only)]
    parts = [part for lane in lanes for part in lane.shown]
    taken = on_example(shelves, boxes, **at_once)
    for trigger in (go.click, text.submit, second.submit, *(event.then for event in taken)):
        trigger(ask_all, [*boxes, task, count, view, *choices], [problem, asked, shown, *parts], **in_turn)
    for place, lane in enumerate(lanes):
        for trigger in (lane.system.input, lane.last_layer_only.input):
            trigger(
                partial(ask_again, place),
                [asked, shown, view, lane.system, lane.last_layer_only],
                [lane.last_layer_only, *lane.shown, shown],
                **in_turn,
            )
    follow_task = [*boxes, *shelves, problem, asked, shown, *choices, *parts]
    task.input(choose_task, task, follow_task, **at_once)
    count.input(choose_count, count, [lane.column for lane in lanes], **at_once)
    view.input(redraw, [shown, view], [lane.heatmap for lane in lanes], **at_once)
