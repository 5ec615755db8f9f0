"""The tab Classify: a text or a pair in any language, its label in English, and the layers each word used."""

from functools import partial
from typing import Any

import gradio as gr

from fusion_demo.errors import FusionDemoError
from fusion_demo.session import Classification, Session
from fusion_demo.tasks import get_task
from fusion_demo.ui.examples import EXAMPLE_KINDS, example_kind
from fusion_demo.ui.reading import (
    MOST_USED,
    ONE_AT_A_TIME,
    TOKENS,
    WORDS,
    draw_heatmap,
    draw_text,
    facts_html,
    language_fact,
    language_name,
    layer_choices,
    own_tokens,
    problem_html,
    reading_notes,
)

HINT = "<p>The answer appears here.<br>Type a text, or take one of the examples.</p>"


def classify_tab(session: Session) -> None:
    """Build the tab inside the current `gr.Blocks` and wire it to a session."""
    tasks = session.tasks()
    start = session.checkpoints()[0]
    fields, kind = get_task(start.task).fields, example_kind(get_task(start.task))

    def choose_task(task: str) -> tuple[Any, ...]:
        try:
            names = [info.name for info in session.checkpoints(task)]
            fields, kind = get_task(task).fields, example_kind(get_task(task))
        except FusionDemoError as error:
            raise gr.Error(str(error)) from error
        return (
            gr.Dropdown(choices=names, value=names[0] if names else None),
            gr.Textbox(label=box_label(fields[0])),
            gr.Textbox(label=box_label(fields[-1]), visible=len(fields) == 2),
            *(gr.Dataset(visible=name == kind) for name in EXAMPLE_KINDS),
        )

    def answer(text: str, second: str, task: str, checkpoint: str, view: str, layer: int) -> dict[Any, Any]:
        try:
            # What was typed into the second box stays there, hidden, while a task asks about one text.
            second = (second or "") if len(get_task(task).fields) == 2 else ""
            result = session.classify(text or "", task, checkpoint or "", second)
        except FusionDemoError as error:
            return {
                problem: gr.HTML(problem_html(str(error)), visible=True),
                answer_area: gr.Column(visible=False),
                layers_area: gr.Column(visible=False),
            }
        layer = layer if layer in result.layers else MOST_USED
        return {
            problem: gr.HTML(visible=False),
            hint: gr.HTML(visible=False),
            answer_area: gr.Column(visible=True),
            layers_area: gr.Column(visible=True),
            label: result.scores,
            facts: result_facts(result),
            layer_choice: gr.Dropdown(choices=layer_choices(result), value=layer),
            shaded: draw_text(result, view, layer),
            heatmap: draw_heatmap(result, view),
            shown: result,
        }

    def redraw(result: Classification | None, view: str, layer: int) -> tuple[Any, Any]:
        if result is None:
            return gr.skip(), gr.skip()
        return draw_text(result, view, layer), draw_heatmap(result, view)

    def reshade(result: Classification | None, view: str, layer: int) -> Any:
        return gr.skip() if result is None else draw_text(result, view, layer)

    shown = gr.State(None)
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            text = gr.Textbox(
                label=box_label(fields[0]),
                placeholder="Type or paste a headline or a sentence …",
                lines=4,
                max_lines=12,
                elem_id="text",
            )
            second = gr.Textbox(
                label=box_label(fields[-1]),
                placeholder="Type or paste a sentence …",
                lines=2,
                max_lines=12,
                visible=len(fields) == 2,
                elem_id="second",
            )
            with gr.Row():
                task = gr.Dropdown(
                    [(task.title, task.name) for task in tasks],
                    value=start.task,
                    label="Task",
                    scale=2,
                    elem_id="task",
                )
                checkpoint = gr.Dropdown(
                    [info.name for info in session.checkpoints(start.task)],
                    value=start.name,
                    label="Checkpoint",
                    scale=3,
                    min_width=240,  # a name is whole on a phone, where the menus then stand below each other
                    elem_id="checkpoint",
                )
            button = gr.Button("Classify", variant="primary", elem_id="classify")
            shelves = {name: _examples(name, [text, second], visible=name == kind) for name in EXAMPLE_KINDS}
        with gr.Column(scale=4, min_width=320):
            problem = gr.HTML(visible=False, elem_id="problem")
            hint = gr.HTML(HINT, elem_id="hint")
            with gr.Column(visible=False) as answer_area:
                label = gr.Label(label="Answer", elem_id="answer")
                facts = gr.HTML(elem_id="facts")
    with gr.Column(visible=False) as layers_area:
        gr.Markdown(
            "### Which layers each word used\n"
            "How much of each encoder layer went into what the English LLM read. The weights of one token "
            "add up to 1; a word's are the mean of its tokens'. Hover for the numbers."
        )
        with gr.Row(elem_id="layers", elem_classes="layers"):
            with gr.Column(elem_classes="reading"):
                with gr.Row():
                    view = gr.Radio([WORDS, TOKENS], value=WORDS, label="Columns", elem_id="view")
                    layer_choice = gr.Dropdown([], label="Text shaded by layer", elem_id="layer")
                shaded = gr.HTML(elem_id="shaded", apply_default_css=False)
            heatmap = gr.Plot(show_label=False, container=False, elem_id="heatmap", elem_classes="layer-plot")

    asked = [text, second, task, checkpoint, view, layer_choice]
    changed = [problem, hint, answer_area, layers_area, label, facts, layer_choice, shaded, heatmap, shown]
    at_once = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    taken = [
        shelf.click(partial(take_example, name), shelf, [text, second], **at_once)
        for name, shelf in shelves.items()
    ]
    for trigger in (button.click, text.submit, second.submit, *(event.then for event in taken)):
        trigger(answer, asked, changed, api_visibility="private", **ONE_AT_A_TIME)
    follow_task = [checkpoint, text, second, *shelves.values()]
    task.input(choose_task, task, follow_task, api_visibility="private")
    view.input(redraw, [shown, view, layer_choice], [shaded, heatmap], api_visibility="private")
    layer_choice.input(reshade, [shown, view, layer_choice], shaded, api_visibility="private")


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
    gr.Markdown(
        f"""### There is no checkpoint in `{folder}/` yet

Train one, then start the page again:

```
python -m train_cli train --task news --data FOLDER --output {folder}/news
```

`FOLDER` holds `train.en.jsonl` and `dev.<language>.jsonl`, one `{{"text": …, "label": …}}` a line."""
    )


def box_label(field: str) -> str:
    """Return the label of the box for a field of a task. Example: "premise" -> "Premise in any language"."""
    return f"{field.capitalize()} in any language"


def take_example(kind: str, index: int) -> tuple[str, str]:
    """Return the texts of an example of a kind; the second is empty where there is one text."""
    first, *second = EXAMPLE_KINDS[kind][index][1:]
    return first, "".join(second)


def _examples(kind: str, boxes: list[gr.Textbox], *, visible: bool) -> gr.Dataset:
    """Show the examples of a kind by the name of their language.

    `gr.Examples` would give the boxes back the label and the visibility that they began with.
    """
    examples = EXAMPLE_KINDS[kind]
    return gr.Dataset(
        components=boxes[: len(examples[0]) - 1],
        samples=[list(texts) for _, *texts in examples],
        sample_labels=[language_name(code) for code, *_ in examples],
        type="index",
        label="Examples",
        samples_per_page=len(examples),
        visible=visible,
    )
