"""Many texts in the tab Classify: lines or a file, a table of results, and the same as a file."""

import html
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
from gradio.i18n import I18nData
from gradio.processing_utils import save_bytes_to_cache

from fusion_demo.errors import FusionDemoError, InputError, shown
from fusion_demo.languages import get_language
from fusion_demo.many_texts import (
    FILE_ENDINGS,
    MAX_FILE_BYTES,
    MAX_ROWS,
    AnsweredRow,
    InputRow,
    ResultRow,
    read_lines,
    read_upload,
    result_row,
    results_csv,
    results_jsonl,
)
from fusion_demo.session import Session
from fusion_demo.tasks import Task, get_task
from fusion_demo.ui.reading import problem_html, reading_notes
from fusion_demo.ui.refusal import refusal
from fusion_demo.ui.task_inputs import build_checkpoint_menu, build_task_menu, checkpoint_menu_update
from fusion_demo.ui.translations import ui_text

UPDATE_SECONDS = 0.5
"""The table is drawn anew at most this often while answers come."""

IN_BATCHES = {"concurrency_id": "many-texts", "concurrency_limit": 1}
"""A queue of its own: a long one must not keep others from the models, which it takes a batch at a time."""

ROW_PIXELS, TEXT_PIXELS, LABEL_PIXELS, NOTE_PIXELS, NUMBER_PIXELS = 60, 280, 130, 220, 120


def classify_many_tab(session: Session) -> None:
    """Build the inner tab inside the current `gr.Blocks` and wire it to a session."""
    start = session.tasks()[0]

    def choose_task(name: str) -> tuple[Any, ...]:
        try:
            task = get_task(name)
            names = checkpoint_menu_update(session, task)
        except FusionDemoError as error:
            raise refusal(error) from error
        return names, gr.Textbox(label=lines_label(task)), gr.File(label=file_label(task))

    def begin() -> dict[Any, Any]:
        return {
            stopped: Event(),
            problem: gr.HTML(visible=False),
            status: "",
            table: gr.Dataframe(visible=False),
            save: gr.Row(visible=False),
            go: gr.Button(visible=False),
            stop: gr.Button(visible=True, interactive=True),
        }

    def run(
        stopped: Event, text: str, file: str | None, name: str, checkpoint: str
    ) -> Iterator[dict[Any, Any]]:
        rows: list[ResultRow] = []
        try:
            task = get_task(name)
            given, unused = _given(text or "", file, task)
            yield {status: progress_html(0, len(given), unused)}
            drawn = time.monotonic()
            for answer in session.classify_many(given, name, checkpoint or ""):
                rows.append(_result(given, answer))
                if time.monotonic() - drawn >= UPDATE_SECONDS:
                    yield {
                        status: progress_html(len(rows), len(given), unused),
                        table: results_table(rows, task),
                    }
                    drawn = time.monotonic()
                if stopped.is_set():
                    break
        except FusionDemoError as error:
            yield {problem: gr.HTML(problem_html(str(error)), visible=True), status: "", **idle()}
            return
        ordered = sorted(rows, key=lambda row: row.number)
        files = {
            as_csv: (f"{name}-results.csv", results_csv(ordered, task)),
            as_jsonl: (f"{name}-results.jsonl", results_jsonl(ordered, task)),
        }
        yield {
            status: summary_html(rows, len(given), unused),
            table: results_table(rows, task),
            save: gr.Row(visible=True),
            **idle(),
            **{
                button: save_bytes_to_cache(content, file_name, button.GRADIO_CACHE)
                for button, (file_name, content) in files.items()
            },
        }

    def idle() -> dict[Any, Any]:
        return {go: gr.Button(visible=True), stop: gr.Button(visible=False)}

    def halt(stopped: Event | None) -> gr.Button:
        """Ask for the end after the texts that are being read; what is done is kept."""
        if stopped is not None:
            stopped.set()
        return gr.Button(interactive=False)

    stopped = gr.State(None)
    gr.Markdown(ui_text("many_explained", count=MAX_ROWS))
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            lines = gr.Textbox(
                label=lines_label(start),
                placeholder=ui_text("type_lines"),
                lines=6,
                max_lines=14,
                elem_id="many-text",
            )
        with gr.Column(scale=4, min_width=320):
            file = gr.File(
                label=file_label(start),
                file_types=list(FILE_ENDINGS),
                height=170,
                elem_id="many-file",
            )
            with gr.Row():
                task = build_task_menu(session, "many-", scale=2)
                checkpoint = build_checkpoint_menu(session, start, "many-")
            go = gr.Button(ui_text("classify_all"), variant="primary", elem_id="many-go")
            stop = gr.Button(ui_text("stop"), variant="stop", visible=False, elem_id="many-stop")
    problem = gr.HTML(visible=False, elem_id="many-problem")
    status = gr.HTML(elem_id="many-status")
    with gr.Row(visible=False) as save:
        as_csv = gr.DownloadButton(ui_text("download_csv"), elem_id="many-csv")
        as_jsonl = gr.DownloadButton(ui_text("download_jsonl"), elem_id="many-jsonl")
    table = gr.Dataframe(
        visible=False,
        interactive=False,
        show_label=False,
        wrap=True,
        max_height=520,
        buttons=["fullscreen"],
        elem_id="many-table",
    )

    controls = [problem, status, table, save, go, stop]
    private = {"show_progress": "hidden", "api_visibility": "private"}
    begun = go.click(begin, None, [stopped, *controls], queue=False, **private)
    asked = [stopped, lines, file, task, checkpoint]
    begun.then(run, asked, [*controls, as_csv, as_jsonl], **private, **IN_BATCHES)
    stop.click(halt, stopped, stop, queue=False, **private)
    task.input(choose_task, task, [checkpoint, lines, file], **private)


def lines_label(task: Task) -> I18nData:
    """Return the label of the box for typed lines. Example: "One text a line"."""
    return ui_text("lines_of_texts" if len(task.fields) == 1 else "lines_of_pairs")


def file_label(task: Task) -> I18nData:
    """Return the label of the place for a file, with the columns that it needs."""
    return ui_text("file_of_texts" if len(task.fields) == 1 else "file_of_pairs")


def results_table(rows: list[ResultRow], task: Task) -> gr.Dataframe:
    """Return the table of results: texts, label, note, language, every label's probability in percent."""
    fields = [field.capitalize() for field in task.fields]
    headers = ["Row", *fields, "Label", "Note", "Language", *(f"{label} %" for label in task.labels)]
    texts, numbers = len(fields), len(task.labels)
    widths = [ROW_PIXELS] + [TEXT_PIXELS] * texts + [LABEL_PIXELS, NOTE_PIXELS, LABEL_PIXELS]
    widths += [NUMBER_PIXELS] * numbers
    return gr.Dataframe(
        [_cells(row, task) for row in sorted(rows, key=lambda row: row.number)],
        headers=headers,
        datatype=["number"] + ["str"] * (texts + 3) + ["number"] * numbers,
        column_widths=[f"{width}px" for width in widths],
        visible=True,
    )


def progress_html(done: int, total: int, unused: list[str]) -> str:
    """Return HTML with how many texts are done."""
    return (
        f'<div class="many-progress" role="status"><progress value="{done}" max="{total}" '
        f'aria-label="texts classified"></progress> {done} of {total} texts</div>{_unused_html(unused)}'
    )


def summary_html(rows: list[ResultRow], total: int, unused: list[str]) -> str:
    """Return HTML with what became of so many texts; where rows are missing, they were stopped."""
    failed = sum(row.label is None for row in rows)
    facts = f"{len(rows) - failed} {'text was' if len(rows) - failed == 1 else 'texts were'} classified"
    if failed:
        facts += f", {failed} could not be read: see the notes"
    if len(rows) < total:
        facts = f"Stopped after {len(rows)} of {total} texts. {facts}"
    return f'<div role="status">{facts}.</div>{_unused_html(unused)}'


def _unused_html(unused: list[str]) -> str:
    if not unused:
        return ""
    names = ", ".join(shown(name) for name in unused[:12])
    return f'<div class="note">Columns that were not read: {html.escape(names)}.</div>'


def _given(text: str, file: str | None, task: Task) -> tuple[list[InputRow], list[str]]:
    """Return the rows of the file if there is one, else those of the lines, and what was not read of it."""
    if file is None:
        return read_lines(text, task.fields), []
    path = Path(file)
    if path.stat().st_size > MAX_FILE_BYTES:  # before it is read
        raise InputError(f"The file is larger than {MAX_FILE_BYTES:,} bytes. Split it.")
    upload = read_upload(path.name, path.read_bytes(), task.fields)
    return upload.rows, upload.unused


def _result(given: list[InputRow], answer: AnsweredRow) -> ResultRow:
    notes = reading_notes(answer.classification) if answer.classification else ()
    return result_row(given[answer.index], answer, notes)


def _cells(row: ResultRow, task: Task) -> list[str | float | int | None]:
    texts = [*row.texts, *[""] * (len(task.fields) - len(row.texts))]
    scores = [round(100 * row.scores[label], 1) if row.scores else None for label in task.labels]
    language = get_language(row.language).english_name if row.language else ""
    return [row.number, *texts, row.label or "", row.note, language, *scores]
