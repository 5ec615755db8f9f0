"""The layers of a text that was read, as the tabs share it: shaded text, profile, heatmap, table, files."""

from typing import Any

import gradio as gr

from fusion_demo.heatmap import heatmap_csv, heatmap_html, heatmap_json
from fusion_demo.ui.download import download_slot, file_to_save
from fusion_demo.ui.figure_buttons import full_screen_js, save_png_js
from fusion_demo.ui.profile import draw_profile
from fusion_demo.ui.reading import (
    MOST_USED,
    SCALES,
    WORDS,
    Reading,
    draw_heatmap,
    draw_table,
    draw_text,
    facts_html,
    heatmap_columns,
    language_fact,
    layer_choices,
    view_choices,
)
from fusion_demo.ui.shaded_text import SELECT_ON_FOCUS
from fusion_demo.ui.translations import ui_text

SCALE_CHOICES = [(ui_text("weights"), "weight"), (ui_text("difference"), "difference")]
FILES = ("html", "csv", "json")


class HeatmapPanel:
    """Builds the panel inside the current `gr.Blocks`, wires it, and says what to show in it.

    Args:
        prefix: Begins the ids of its components, as "chat-".

    Attributes:
        outputs: The components that `show` returns values for.
    """

    def __init__(self, prefix: str = "") -> None:
        self.state = gr.State(None)
        with gr.Row(elem_id=f"{prefix}layers", elem_classes="layers"):
            with gr.Column(elem_classes="reading"):
                with gr.Row():
                    self.view = gr.Radio(
                        view_choices(),
                        value=WORDS,
                        label=ui_text("columns"),
                        min_width=180,
                        elem_id=f"{prefix}view",
                    )
                    self.layer = gr.Dropdown(
                        [], label=ui_text("text_shaded_by"), min_width=180, elem_id=f"{prefix}layer"
                    )
                self.scale = gr.Radio(
                    SCALE_CHOICES,
                    value="weight",
                    label=ui_text("colours"),
                    min_width=360,
                    elem_id=f"{prefix}scale",
                )
                self.text = gr.HTML(
                    elem_id=f"{prefix}shaded", js_on_load=SELECT_ON_FOCUS, apply_default_css=False
                )
                self.profile = gr.HTML(elem_id=f"{prefix}profile", apply_default_css=False)
            with gr.Column(elem_id=f"{prefix}figure", elem_classes="figure"):
                self.figure = gr.Plot(
                    show_label=False, container=False, elem_id=f"{prefix}heatmap", elem_classes="layer-plot"
                )
                with gr.Row(elem_classes="figure-buttons"):
                    wide = gr.Button(
                        ui_text("full_screen"), size="sm", min_width=80, elem_id=f"{prefix}full-screen"
                    )
                    png = gr.Button("PNG", size="sm", min_width=48, elem_id=f"{prefix}png")
                    files = {
                        kind: gr.Button(kind.upper(), size="sm", min_width=48, elem_id=f"{prefix}{kind}")
                        for kind in FILES
                    }
                self.table = gr.HTML(elem_id=f"{prefix}table", apply_default_css=False)
                slot = download_slot(f"{prefix}download")
        self.outputs = [
            self.state,
            self.view,
            self.scale,
            self.layer,
            self.text,
            self.profile,
            self.figure,
            self.table,
        ]
        self.choices = [self.view, self.scale, self.layer]
        shown, quick = [self.state, *self.choices], {"show_progress": "hidden", "api_visibility": "private"}
        drawn = [self.text, self.profile, self.figure, self.table]
        # Gradio would drop a choice that is made while the one before is being drawn.
        redraw = quick | {"queue": False, "trigger_mode": "always_last"}
        for choice in (self.view, self.scale):
            choice.input(_draw, shown, drawn, **redraw)
        self.layer.input(_shade, shown, [self.text, self.profile], **redraw)
        self.text.select(_choose, [self.state, self.view], self.profile, **redraw)
        wide.click(
            None,
            None,
            wide,
            js=full_screen_js(f"{prefix}figure", f"{prefix}heatmap", f"{prefix}full-screen"),
            **quick,
        )
        png.click(None, js=save_png_js(f"{prefix}heatmap", "layers.png"), **quick)
        for kind, button in files.items():
            button.click(_save(kind), [self.state, self.view, self.scale], slot, **quick)

    def show(self, result: Reading, view: str, scale: str, layer: int) -> dict[Any, Any]:
        """Return the panel's components with what they show of a result.

        Args:
            result: What was read, with at least one token.
            view: `WORDS` or `TOKENS`.
            scale: A key of `SCALES`.
            layer: The layer that the text was shaded by; `MOST_USED` where the result has no such layer.
        """
        layer = layer if layer in result.layers else MOST_USED
        drawn = _draw(result, view, scale, layer)
        return {
            self.state: result,
            self.layer: gr.Dropdown(choices=layer_choices(result), value=layer),
            **dict(zip((self.text, self.profile, self.figure, self.table), drawn, strict=True)),
        }


def heatmap_file(result: Reading, view: str, scale: str, kind: str) -> str:
    """Return the content of a file with what the heatmap of a result shows.

    Args:
        result: What was read.
        view: `WORDS` or `TOKENS`.
        scale: A key of `SCALES`; the numbers of CSV and JSON are the weights on either.
        kind: "html", "csv" or "json".
    """
    columns, first = heatmap_columns(result, view), result.layers[0]
    texts = [result.text] if isinstance(result.text, str) else list(result.text)
    if kind == "csv":
        return heatmap_csv(columns, first_layer=first)
    if kind == "json":
        about = {
            "checkpoint": result.checkpoint,
            "read": dict(zip(result.fields, texts, strict=True)),
            "language": result.language,
            "parts_are": view.lower(),
        }
        return heatmap_json(columns, about, first_layer=first)
    names = [field.capitalize() for field in result.fields]
    facts = facts_html([*zip(names, texts, strict=True), ("Language", language_fact(result))])
    return heatmap_html(
        draw_heatmap(result, view, SCALES[scale]),
        draw_table(result, view, SCALES[scale]).replace("<details", "<details open"),
        title=f"Encoder layers by part of the text · {result.checkpoint}",
        facts=facts,
    )


def _draw(result: Reading | None, view: str, scale: str, layer: int) -> tuple[Any, ...]:
    if result is None:
        return (gr.skip(),) * 4
    return (
        draw_text(result, view, layer, SCALES[scale]),
        draw_profile(result, view),
        draw_heatmap(result, view, SCALES[scale]),
        draw_table(result, view, SCALES[scale]),
    )


def _shade(result: Reading | None, view: str, scale: str, layer: int) -> tuple[Any, Any]:
    if result is None:
        return gr.skip(), gr.skip()
    return draw_text(result, view, layer, SCALES[scale]), draw_profile(result, view)


def _choose(result: Reading | None, view: str, event: gr.SelectData) -> Any:
    return gr.skip() if result is None else draw_profile(result, view, event.index)


def _save(kind: str) -> Any:
    def save(result: Reading | None, view: str, scale: str) -> Any:
        if result is None:
            return gr.skip()
        return file_to_save(f"layers.{kind}", heatmap_file(result, view, scale, kind))

    return save
