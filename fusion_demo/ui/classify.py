"""The tab Classify: a text in any language, its label in English, and the layers each word used."""

import html
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from fusion_demo.errors import FusionDemoError
from fusion_demo.heatmap import group_graphemes, group_words, layer_heatmap, layer_name, most_used_layer
from fusion_demo.languages import get_language
from fusion_demo.session import Classification, Session
from fusion_demo.ui.direction import text_direction
from fusion_demo.ui.examples import EXAMPLES
from fusion_demo.ui.shaded_text import shaded_text

WORDS, TOKENS = "Words", "Tokens"
MOST_USED = -1
"""Value of the layer choice that stands for the most-used layer."""

HINT = "<p>The answer appears here.<br>Type a text, or take one of the examples.</p>"

ONE_AT_A_TIME = {"concurrency_id": "models", "concurrency_limit": 1}
"""The models use all cores for one text, so texts queue."""


def classify_tab(session: Session) -> None:
    """Build the tab inside the current `gr.Blocks` and wire it to a session."""
    tasks = session.tasks()
    start = session.checkpoints()[0]

    def choose_task(task: str) -> Any:
        try:
            names = [info.name for info in session.checkpoints(task)]
        except FusionDemoError as error:
            raise gr.Error(str(error)) from error
        return gr.Dropdown(choices=names, value=names[0] if names else None)

    def answer(text: str, task: str, checkpoint: str, view: str, layer: int) -> dict[Any, Any]:
        try:
            result = session.classify(text or "", task, checkpoint or "")
        except FusionDemoError as error:
            return {
                problem: gr.HTML(_problem(str(error)), visible=True),
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
                label="Text in any language",
                placeholder="Type or paste a headline or a sentence …",
                lines=4,
                max_lines=12,
                elem_id="text",
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
                    elem_id="checkpoint",
                )
            button = gr.Button("Classify", variant="primary", elem_id="classify")
            examples = gr.Examples(
                [[headline] for _, headline in EXAMPLES],
                inputs=[text],
                label="Examples",
                example_labels=[_language_name(code) for code, _ in EXAMPLES],
                examples_per_page=len(EXAMPLES),
                api_visibility="private",
            )
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
        with gr.Row(elem_id="layers"):
            with gr.Column(elem_id="reading"):
                with gr.Row():
                    view = gr.Radio([WORDS, TOKENS], value=WORDS, label="Columns", elem_id="view")
                    layer_choice = gr.Dropdown([], label="Text shaded by layer", elem_id="layer")
                shaded = gr.HTML(elem_id="shaded", apply_default_css=False)
            heatmap = gr.Plot(show_label=False, container=False, elem_id="heatmap")

    asked = [text, task, checkpoint, view, layer_choice]
    changed = [problem, hint, answer_area, layers_area, label, facts, layer_choice, shaded, heatmap, shown]
    for trigger in (button.click, text.submit, examples.load_input_event.then):
        trigger(answer, asked, changed, api_visibility="private", **ONE_AT_A_TIME)
    task.input(choose_task, task, checkpoint, api_visibility="private")
    view.input(redraw, [shown, view, layer_choice], [shaded, heatmap], api_visibility="private")
    layer_choice.input(reshade, [shown, view, layer_choice], shaded, api_visibility="private")


def draw_heatmap(result: Classification, view: str) -> go.Figure:
    """Return the heatmap of a result, with a column for each of its `WORDS` or `TOKENS`."""
    tokens, weights = result.tokens, result.layer_weights
    if view == WORDS:
        tokens, weights = group_words(tokens, weights)
    return layer_heatmap(tokens, weights, first_layer=result.layers[0], direction=text_direction(result.text))


def draw_text(result: Classification, view: str, layer: int) -> str:
    """Return the shaded text of a result, in the colours of its heatmap.

    Args:
        result: What is shown.
        view: `WORDS` or `TOKENS`; tokens that cut through a sign of the script share a shade.
        layer: One of the result's layers, or `MOST_USED`.
    """
    tokens, weights = result.tokens, result.layer_weights
    if layer == MOST_USED:
        layer = most_used_layer(tokens, weights, first_layer=result.layers[0])
    if view == WORDS:
        tokens, weights = group_words(tokens, weights)
        highest = float(weights.max())
    else:
        highest = float(weights.max())
        tokens, weights = group_graphemes(tokens, weights)
    own = weights[:, result.layers.index(layer)]
    return shaded_text(tokens, own, layer, highest, text_direction(result.text))


def result_facts(result: Classification) -> str:
    """Return HTML with the language, the size and the time of a result, and what to know about it."""
    own = [token for token in result.tokens if not token.special]
    language = _language_name(result.language) if result.language else "not recognised"
    unknown = sum(token.unknown for token in own)
    notes = []
    if result.truncated:
        notes.append(f"The text is long: only its first {len(own)} tokens were read.")
    if result.prompt_truncated:
        notes.append("The text is long: the LLM itself read only its beginning.")
    if unknown:
        notes.append(
            f"{unknown} of {len(own)} tokens {'is' if unknown == 1 else 'are'} unknown to the encoder."
        )
    if result.removed:
        plural = "character was" if result.removed == 1 else "characters were"
        notes.append(f"{result.removed} control {plural} left out.")
    facts = (("Language", language), ("Tokens", str(len(own))), ("Time", f"{result.milliseconds:.0f} ms"))
    line = "".join(f"<span>{name} <b><bdi>{html.escape(value)}</bdi></b></span>" for name, value in facts)
    lines = "".join(f'<div class="note">{note}</div>' for note in notes)
    return f'<div class="facts">{line}</div>{lines}'


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


def layer_choices(result: Classification) -> list[tuple[str, int]]:
    """Return the layers that the text can be shaded by, `MOST_USED` first, with their names."""
    most_used = most_used_layer(result.tokens, result.layer_weights, first_layer=result.layers[0])
    names = {layer: str(layer) if layer else layer_name(layer) for layer in result.layers}
    return [
        (f"most used ({names[most_used]})", MOST_USED),
        *((name, layer) for layer, name in names.items()),
    ]


def _language_name(code: str) -> str:
    language = get_language(code)
    if language.own_name == language.english_name:
        return language.english_name
    return f"{language.english_name} · {language.own_name}"


def _problem(message: str) -> str:
    return f'<div class="problem" role="alert">{html.escape(message)}</div>'
