"""The tab Classify: a text or a pair in any language, its label in English, and the layers each word used."""

from typing import Any

import gradio as gr

from fusion_demo.classification import Classification
from fusion_demo.errors import FusionDemoError
from fusion_demo.session import Session
from fusion_demo.tasks import get_task
from fusion_demo.ui.heatmap_panel import HeatmapPanel
from fusion_demo.ui.links import LinkedInputs, copy_link_button
from fusion_demo.ui.reading import (
    PRESSED,
    facts_html,
    language_fact,
    own_tokens,
    problem_html,
    reading_notes,
)
from fusion_demo.ui.refusal import refusal
from fusion_demo.ui.task_inputs import (
    build_checkpoint_menu,
    build_shelves,
    build_task_menu,
    build_text_boxes,
    checkpoint_menu_update,
    on_example,
    second_text,
    shelves_update,
    text_boxes_update,
)
from fusion_demo.ui.translations import ui_text


def classify_tab(session: Session) -> LinkedInputs:
    """Build the tab inside the current `gr.Blocks` and wire it to a session; return what a link fills."""
    start = session.tasks()[0]

    def choose_task(name: str) -> tuple[Any, ...]:
        try:
            chosen = get_task(name)
            names = checkpoint_menu_update(session, chosen)
        except FusionDemoError as error:
            raise refusal(error) from error
        return (names, *text_boxes_update(chosen), *shelves_update(chosen))

    def answer(text: str, second: str, task: str, checkpoint: str, *choices: Any) -> dict[Any, Any]:
        try:
            second = second_text(get_task(task), second)
            result = session.classify(text or "", task, checkpoint or "", second)
        except FusionDemoError as error:
            return {
                problem: gr.HTML(problem_html(str(error)), visible=True),
                answer_area: gr.Column(visible=False),
                layers_area: gr.Column(visible=False),
            }
        return {
            problem: gr.HTML(visible=False),
            hint: gr.HTML(visible=False),
            answer_area: gr.Column(visible=True),
            layers_area: gr.Column(visible=True),
            label: result.scores,
            facts: result_facts(result),
            **panel.show(result, *choices),
        }

    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            text, second = build_text_boxes(start, lines=4)
            with gr.Row():
                task = build_task_menu(session, scale=2)
                checkpoint = build_checkpoint_menu(session, start)
            with gr.Row():
                button = gr.Button(ui_text("classify"), variant="primary", elem_id="classify", scale=3)
                copy_link_button(task, checkpoint, text, second)
            shelves = build_shelves(start, [text, second])
        with gr.Column(scale=4, min_width=320):
            problem = gr.HTML(visible=False, elem_id="problem")
            hint = gr.HTML(f"<p>{ui_text('classify_hint')}</p>", elem_id="hint")
            with gr.Column(visible=False) as answer_area:
                label = gr.Label(label=ui_text("answer"), elem_id="answer")
                facts = gr.HTML(elem_id="facts")
    with gr.Column(visible=False) as layers_area:
        gr.Markdown(ui_text("which_layers_explained"))
        panel = HeatmapPanel()

    asked = [text, second, task, checkpoint, *panel.choices]
    changed = [problem, hint, answer_area, layers_area, label, facts, *panel.outputs]
    at_once = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    taken = on_example(shelves, [text, second], **at_once)
    for trigger in (button.click, text.submit, second.submit, *(event.then for event in taken)):
        trigger(answer, asked, changed, api_visibility="private", **PRESSED)
    follow_task = [checkpoint, text, second, *shelves]
    task.input(choose_task, task, follow_task, api_visibility="private")
    return LinkedInputs(task, checkpoint, text, second, choose_task, follow_task)


def result_facts(result: Classification) -> str:
    """Return HTML with the language, the size and the time of a result, and what to know about it."""
    facts = [
        ("Language", language_fact(result)),
        ("Tokens", str(len(own_tokens(result)))),
        ("Time", f"{result.milliseconds:.0f} ms"),
    ]
    return facts_html(facts, reading_notes(result))


def no_checkpoint_page(folder: str) -> None:
    """Say in the current `gr.Blocks` how to train the first checkpoint."""
    command = f"python -m train_cli train --task news --data FOLDER --output {folder}/news"
    gr.Markdown(f"{ui_text('no_checkpoint', folder=folder)}\n\n```\n{command}\n```")
