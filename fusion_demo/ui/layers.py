"""The tab Layers: which layers each language uses, which ones a sentence does, and whether it needs them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from fusion_demo.errors import FusionDemoError
from fusion_demo.languages import LANGUAGES
from fusion_demo.layer_session import MAX_DRAWS, MAX_MASKED, MAX_SEED, MAX_TEXTS, LayerSession
from fusion_demo.layer_use import find_layer_reports, language_profiles, masking_figure, profiles_figure
from fusion_demo.layer_use.profiles import MAX_PROFILES
from fusion_demo.session import Session
from fusion_demo.tasks import get_task
from fusion_demo.ui.layers_examples import SENTENCES
from fusion_demo.ui.layers_view import (
    distances_table,
    masking_html,
    profiles_tables,
    read_texts_table,
    titled,
)
from fusion_demo.ui.reading import ONE_AT_A_TIME, problem_html
from fusion_demo.ui.refusal import refusal
from fusion_demo.ui.task_inputs import box_label, second_box_update
from fusion_demo.ui.translations import ui_text

ONE_MASKING = {"concurrency_id": "masking", "concurrency_limit": 1}
"""A masking takes many passes of the models, between which other texts have their turn."""

FIRST_LANGUAGES = ("en", "si", "ur", "sw")

QUICK = {"show_progress": "hidden", "api_visibility": "private"}


def layers_tab(layers: LayerSession, metrics: Path) -> None:
    """Build the tab inside the current `gr.Blocks` and wire it to a session with a checkpoint.

    Args:
        layers: Measures the layers with its session's checkpoints.
        metrics: Folder with the reports that `layers` wrote, as layers-NAME.json.
    """
    session = layers.session
    _languages_section(session, metrics)
    infos = session.checkpoints()
    start = next((info for info in infos if info.bridge.fusion != "last-layer"), infos[0])
    gr.Markdown(ui_text("own_sentences"))
    checkpoint = gr.Dropdown(
        [info.name for info in infos],
        value=start.name,
        label=ui_text("checkpoint"),
        elem_id="layers-checkpoint",
    )
    _sentences_section(layers, checkpoint)
    _masking_section(layers, checkpoint, get_task(start.task).fields)


def _languages_section(session: Session, metrics: Path) -> None:
    """Show the mean profile of each language, from the reports that are kept."""
    gr.Markdown(ui_text("layers_by_language"))
    reports = find_layer_reports([metrics, *(info.folder for info in session.checkpoints())])
    if not reports:
        gr.Markdown(
            f"{ui_text('no_layer_report')}\n\n```\n"
            "python -m train_cli layers --checkpoint checkpoints/NAME --data FOLDER --languages en,si,ur "
            f"--output {metrics.parent.name}/{metrics.name}/layers-NAME.json\n```"
        )
        return
    first = next(iter(reports))

    def draw(name: str, codes: list[str]) -> tuple[Any, str, str]:
        if name not in reports or not codes:
            return gr.skip(), gr.skip(), gr.skip()
        return _draw_languages(reports[name], codes)

    def choose(name: str) -> tuple[Any, ...]:
        if name not in reports:
            return (gr.skip(),) * 4
        codes = _first_languages(reports[name])
        return _language_choice(reports[name], codes), *_draw_languages(reports[name], codes)

    codes = _first_languages(reports[first])
    figure, distances, numbers = _draw_languages(reports[first], codes)
    with gr.Row():
        report = gr.Dropdown(
            list(reports), value=first, label=ui_text("report"), min_width=260, elem_id="layers-report"
        )
        languages = gr.Dropdown(
            _language_names(reports[first]),
            value=codes,
            multiselect=True,
            max_choices=MAX_PROFILES,
            label=ui_text("languages"),
            min_width=260,
            elem_id="layers-languages",
        )
    plot = gr.Plot(
        figure, show_label=False, container=False, elem_id="language-profiles", elem_classes="layer-plot fits"
    )
    apart = gr.HTML(distances, elem_id="language-distances", apply_default_css=False)
    table = gr.HTML(numbers, elem_id="language-numbers", apply_default_css=False)
    report.input(choose, report, [languages, plot, apart, table], **QUICK)
    languages.change(draw, [report, languages], [plot, apart, table], queue=False, **QUICK)


def _sentences_section(layers: LayerSession, checkpoint: gr.Dropdown) -> None:
    """Compare the layers of up to four sentences."""

    def compare(name: str, *texts: str) -> dict[Any, Any]:
        try:
            given = [[text] for text in texts if text and text.strip()]
            found = layers.profiles(given, name or "")
        except FusionDemoError as error:
            return {problem: gr.HTML(problem_html(str(error)), visible=True), area: gr.Column(visible=False)}
        profiles = titled(found)
        return {
            problem: gr.HTML(visible=False),
            area: gr.Column(visible=True),
            read: read_texts_table(found),
            plot: profiles_figure(found[0].layers, profiles),
            apart: distances_table(profiles),
            table: profiles_tables(found[0].layers, profiles),
        }

    gr.Markdown(ui_text("sentences_explained"))
    with gr.Row():
        boxes = [
            gr.Textbox(
                label=ui_text("sentence", number=number),
                lines=2,
                min_width=260,
                elem_id=f"sentence-{number}",
            )
            for number in range(1, MAX_TEXTS + 1)
        ]
    shelf = gr.Dataset(
        components=boxes,
        samples=[[text for _, text in sentences] for _, sentences in SENTENCES],
        sample_labels=[meaning for meaning, _ in SENTENCES],
        type="index",
        label=ui_text("examples"),
        elem_id="sentence-examples",
    )
    button = gr.Button(ui_text("compare_layers"), variant="primary", elem_id="compare-layers")
    problem = gr.HTML(visible=False, elem_id="sentences-problem")
    with gr.Column(visible=False) as area:
        read = gr.HTML(elem_id="sentences-read", apply_default_css=False)
        plot = gr.Plot(
            show_label=False, container=False, elem_id="sentence-profiles", elem_classes="layer-plot fits"
        )
        apart = gr.HTML(elem_id="sentence-distances", apply_default_css=False)
        table = gr.HTML(elem_id="sentence-numbers", apply_default_css=False)
    shown = [problem, area, read, plot, apart, table]
    taken = shelf.click(_sentences, shelf, boxes, queue=False, **QUICK)
    for trigger in (button.click, taken.then, *(box.submit for box in boxes)):
        trigger(
            compare,
            [checkpoint, *boxes],
            shown,
            api_visibility="private",
            **ONE_AT_A_TIME,
        )


def _masking_section(layers: LayerSession, checkpoint: gr.Dropdown, fields: tuple[str, ...]) -> None:
    """Mask the layers that a text uses most, and as many random ones, and show what becomes of its answer."""

    def follow(name: str) -> Any:
        try:
            task = get_task(layers.checkpoint(name or "").task)
        except FusionDemoError as error:
            raise refusal(error) from error
        return second_box_update(task)

    def mask(
        name: str, text: str, second: str, masked: float, draws: float, seed: float | None
    ) -> Iterator[dict[Any, Any]]:
        try:
            pair = len(get_task(layers.checkpoint(name or "").task).fields) == 2
            given = [text or "", second or ""] if pair else [text or ""]
            steps = layers.mask(given, name or "", masked=int(masked), draws=int(draws), seed=int(seed or 0))
            for step in steps:
                if step.summary is None:
                    yield {
                        problem: gr.HTML(visible=False),
                        state: f"<p>Read {step.done} of {step.total} times …</p>",
                    }
                    continue
                yield {
                    problem: gr.HTML(visible=False),
                    state: "",
                    area: gr.Column(visible=True),
                    plot: masking_figure(step.summary),
                    numbers: masking_html(step.summary),
                }
        except FusionDemoError as error:
            yield {
                problem: gr.HTML(problem_html(str(error)), visible=True),
                state: "",
                area: gr.Column(visible=False),
            }

    gr.Markdown(ui_text("masking_explained"))
    with gr.Row():
        text = gr.Textbox(
            SENTENCES[0][1][0][1], label=box_label(fields[0]), lines=2, min_width=260, elem_id="masked-text"
        )
        second = gr.Textbox(
            label=box_label(fields[-1]),
            lines=2,
            min_width=260,
            visible=len(fields) == 2,
            elem_id="masked-second",
        )
    with gr.Row():
        masked = gr.Slider(
            1, MAX_MASKED, 3, step=1, label=ui_text("layers_masked"), min_width=260, elem_id="masked-layers"
        )
        draws = gr.Slider(
            1, MAX_DRAWS, 5, step=1, label=ui_text("random_choices"), min_width=260, elem_id="masked-draws"
        )
        seed = gr.Number(
            0, precision=0, minimum=0, maximum=MAX_SEED, label=ui_text("seed"), elem_id="masked-seed"
        )
    button = gr.Button(ui_text("mask_layers"), variant="primary", elem_id="mask-layers")
    problem = gr.HTML(visible=False, elem_id="masking-problem")
    state = gr.HTML(elem_id="masking-state")
    with gr.Column(visible=False) as area:
        plot = gr.Plot(show_label=False, container=False, elem_id="masking", elem_classes="layer-plot fits")
        numbers = gr.HTML(elem_id="masking-numbers", apply_default_css=False)
    checkpoint.input(follow, checkpoint, second, **QUICK)
    button.click(
        mask,
        [checkpoint, text, second, masked, draws, seed],
        [problem, state, area, plot, numbers],
        **QUICK,
        **ONE_MASKING,
    )


def _draw_languages(report: Mapping[str, Any], codes: list[str]) -> tuple[Any, str, str]:
    profiles = language_profiles(report, codes)
    return (
        profiles_figure(report["layers"], profiles),
        distances_table(profiles),
        profiles_tables(report["layers"], profiles),
    )


def _first_languages(report: Mapping[str, Any]) -> list[str]:
    others = [code for code in report["languages"] if code not in FIRST_LANGUAGES]
    preferred = [code for code in FIRST_LANGUAGES if code in report["languages"]]
    return [*preferred, *others][: len(FIRST_LANGUAGES)]


def _language_names(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(LANGUAGES[code].english_name, code) for code in report["languages"]]


def _language_choice(report: Mapping[str, Any], codes: list[str]) -> gr.Dropdown:
    return gr.Dropdown(choices=_language_names(report), value=codes)


def _sentences(index: int) -> list[str]:
    texts = [text for _, text in SENTENCES[index][1]]
    return texts + [""] * (MAX_TEXTS - len(texts))
