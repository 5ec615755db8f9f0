"""The tab Training: what runs and what ran, as its files say; nothing is started or stopped here."""

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from fusion_demo.config import comma_separated
from fusion_demo.training_figure import MINUTES, UPDATES, training_figure
from fusion_demo.training_log import (
    FAILED,
    FINISHED,
    RUNNING,
    STALE,
    STOPPED,
    UNKNOWN,
    TrainingRun,
    read_run,
    run_names,
    run_version,
)
from fusion_demo.ui.card import command_html
from fusion_demo.ui.training_form import training_form
from fusion_demo.ui.translations import ui_text

REFRESH_SECONDS = 5
MOST_RUNS = 12
"""Runs that can be told apart by colour and dash."""

RUNS = "runs"
"""Parameter of the page's address that holds the runs that are shown, so that they survive a reload."""
KEEP_RUNS_JS = f"""names => {{
    const url = new URL(location.href);
    url.searchParams.set('{RUNS}', names.join(','));
    history.replaceState(null, '', url);
}}"""

STATES = {
    RUNNING: ("▶", "running"),
    FINISHED: ("✓", "finished"),
    STOPPED: ("■", "stopped; the same command with --resume goes on"),
    FAILED: ("✕", "failed"),
    STALE: ("?", "stale: it was running, but has given no sign of life since"),
    UNKNOWN: ("–", "ended or still running: its folder does not say"),
}
"""State → its sign, and what a reader is told."""


def training_tab(folder: Path, tab: gr.Tab, tabs: gr.Tabs) -> None:
    """Build the tab inside itself; its files are read every few seconds while it is open.

    Args:
        folder: Where the trainings write, one a subfolder; it may be missing.
        tab: Where this stands.
        tabs: All tabs of the page, to know when another one is opened.
    """

    def open_tab(chosen: list[str] | None, axis: str, request: gr.Request) -> dict[Any, Any]:
        names = run_names(folder)
        chosen = chosen or comma_separated(request.query_params.get(RUNS, ""))
        chosen = [name for name in chosen if name in names][:MOST_RUNS] or first_shown(folder, names)
        return {
            timer: gr.Timer(active=True),
            menu: gr.Dropdown(names, value=chosen, multiselect=True),
            nothing: gr.Markdown(visible=not names),
            found: gr.Column(visible=bool(names)),
            **draw(chosen, axis),
        }

    def draw(chosen: list[str] | None, axis: str) -> dict[Any, Any]:
        runs = read_runs(folder, chosen)
        figure = training_figure(runs, axis)
        return {
            states: runs_html(runs),
            curves: gr.Plot(figure, visible=figure is not None),
            drawn: versions(folder, chosen),
        }

    def renew(chosen: list[str] | None, axis: str, before: Any) -> dict[Any, Any]:
        names = run_names(folder)
        changed = {menu: gr.Dropdown(names, multiselect=True), nothing: gr.Markdown(visible=not names)}
        changed[found] = gr.Column(visible=bool(names))
        if versions(folder, chosen) == before:  # nothing new to draw: zoom and hover stay
            return {**changed, states: runs_html(read_runs(folder, chosen))}
        return {**changed, **draw(chosen, axis)}

    def only_while_open(event: gr.SelectData) -> gr.Timer:
        return gr.Timer(active=event.index == tabs.children.index(tab))  # its label is translated

    timer = gr.Timer(REFRESH_SECONDS, active=False)
    drawn = gr.State(None)
    nothing = gr.Markdown(ui_text("no_training", folder=folder.name), visible=False)
    with gr.Column(visible=False) as found:
        with gr.Row():
            menu = gr.Dropdown(
                [],
                label=ui_text("trainings"),
                info=ui_text("trainings_info", count=MOST_RUNS),
                multiselect=True,
                max_choices=MOST_RUNS,
                scale=4,
                min_width=240,
                elem_id="runs",
            )
            axis = gr.Radio(
                [(ui_text("across_updates"), UPDATES), (ui_text("across_minutes"), MINUTES)],
                value=UPDATES,
                label=ui_text("across"),
                scale=1,
                elem_id="axis",
            )
        curves = gr.Plot(show_label=False, container=False, elem_id="curves", elem_classes="curves")
        states = gr.HTML(elem_id="run-states")
    training_form(folder)

    quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    shown = [states, curves, drawn]
    tab.select(open_tab, [menu, axis], [timer, menu, nothing, found, *shown], **quiet)
    tabs.select(only_while_open, None, timer, **quiet)
    timer.tick(renew, [menu, axis, drawn], [menu, nothing, found, *shown], **quiet)
    menu.input(draw, [menu, axis], shown, **quiet)
    menu.input(None, menu, None, js=KEEP_RUNS_JS, **quiet)
    axis.input(draw, [menu, axis], shown, **quiet)


def first_shown(folder: Path, names: Sequence[str]) -> list[str]:
    """Return the runs to begin with: those that run, or else the last changed one."""
    now = datetime.now(UTC)
    running = [name for name in names if read_run(folder / name, now).state == RUNNING]
    return running[:MOST_RUNS] or list(names[:1])


def read_runs(folder: Path, chosen: Sequence[str] | None) -> list[TrainingRun]:
    """Return the runs of these names that are there; a name that is no run of this folder is passed over."""
    known = set(run_names(folder))
    now = datetime.now(UTC)
    return [read_run(folder / name, now) for name in (chosen or [])[:MOST_RUNS] if name in known]


def versions(folder: Path, chosen: Sequence[str] | None) -> list[tuple[str, float, int]]:
    """Return what changes whenever there is something new to draw of these runs."""
    known = set(run_names(folder))
    return [(name, *run_version(folder / name)) for name in chosen or [] if name in known]


def runs_html(runs: Sequence[TrainingRun]) -> str:
    """Return what each run does, and its command."""
    return "".join(map(_run_html, runs))


def _run_html(run: TrainingRun) -> str:
    sign, words = STATES[run.state]
    facts = [("", f"{sign} {words}")]
    if run.state in (RUNNING, STALE) or run.update:
        of = f" of {run.updates:,}" if run.updates else ""
        facts.append((run.phase, f"update {run.update:,}{of}" if run.updates or run.update else "…"))
    if run.training:
        facts.append(("last loss", f"{run.training[-1].loss:.3f}"))
    if run.dev:
        point = run.dev[-1]
        accuracy = point.measure == "accuracy"
        facts.append(("last dev", f"{100 * point.mean:.1f} %" if accuracy else f"{point.mean:.3f} nats"))
    if run.state in (RUNNING, STALE) and run.silent_seconds is not None:
        facts.append(("last sign of life", f"{duration(run.silent_seconds)} ago"))
    if run.started is not None:
        facts.append(("started", run.started.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")))
    line = "".join(f"<span>{name} <b><bdi>{html.escape(value)}</bdi></b></span>" for name, value in facts)
    notes = [f"It failed: {run.problem}"] if run.problem else []
    if run.unreadable:
        notes.append(f"{run.unreadable} lines of its metrics.jsonl cannot be read and are left out.")
    noted = "".join(f'<div class="note">{html.escape(note)}</div>' for note in notes)
    command = (
        command_html(run.command) if run.command else '<div class="note">Its command is not known.</div>'
    )
    kind = " · ".join(filter(None, (run.task, run.fusion)))
    return (
        f'<section class="run" data-state="{run.state}"><h3><bdi>{html.escape(run.name)}</bdi></h3>'
        f'<div class="note">{html.escape(kind)}</div><div class="facts">{line}</div>'
        f"{noted}{command}</section>"
    )


def duration(seconds: float) -> str:
    """Return a time as a reader says it. Example: 75 -> "1 min", 4000 -> "1 h 6 min"."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} days"
