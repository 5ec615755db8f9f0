"""The tab Training: what it says of the runs in a folder."""

import json
from datetime import UTC, datetime, timedelta

import gradio as gr
import pytest

from fusion_demo.training_log import DevPoint, LossPoint, TrainingRun, utc_text
from fusion_demo.ui.training import (
    STATES,
    duration,
    first_shown,
    read_runs,
    runs_html,
    training_tab,
    versions,
)


def write(folder, name, state, *, age=0.0, lines=1):
    (folder / name).mkdir(exist_ok=True)
    now = datetime.now(UTC)
    status = {
        "state": state,
        "command": f"python -m train_cli train --output {name}",
        "task": "news",
        "fusion": "last-layer",
        "phase": "training",
        "update": 10,
        "updates": 60,
        "started": utc_text(now - timedelta(hours=1)),
        "heartbeat": utc_text(now - timedelta(seconds=age)),
        "problem": "",
    }
    (folder / name / "status.json").write_text(json.dumps(status))
    line = json.dumps({"update": 10, "seconds": 1.0, "loss": 0.5}) + "\n"
    (folder / name / "metrics.jsonl").write_text(line * lines)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("running", "last sign of life <b><bdi>5 s ago</bdi></b>"),
        ("stale", "has given no sign of life since"),
        ("stopped", "the same command with --resume goes on"),
        ("finished", "finished"),
        ("failed", "It failed: out of memory"),
        ("unknown", "its folder does not say"),
    ],
)
def test_each_state_is_said_in_words(state, expected):
    run = TrainingRun(
        name="news",
        state=state,
        command="python -m train_cli train",
        update=1_200,
        updates=2_400,
        silent_seconds=5.0,
        problem="out of memory" if state == "failed" else "",
        training=[LossPoint(1_200, 60.0, 0.51234)],
        dev=[DevPoint(1_200, 60.0, {"en": {"accuracy": 0.805}})],
    )
    page = runs_html([run])
    assert expected in page
    for fact in ("update 1,200 of 2,400", "0.512", "80.5 %", "<span>python</span>"):
        assert fact in page
    assert state in STATES


def test_what_comes_from_files_is_escaped():
    evil = "<img src=x onerror=alert(1)>"
    run = TrainingRun(
        name=evil, state="failed", command=evil, task=evil, fusion=evil, problem=evil, unreadable=2
    )
    page = runs_html([run])
    assert "<img" not in page
    assert "2 lines of its metrics.jsonl cannot be read" in page
    assert "Its command is not known" in runs_html([TrainingRun(name="a", state="unknown")])


def test_the_tab_begins_with_what_runs_or_with_the_last_change(tmp_path):
    write(tmp_path, "old", "finished")
    write(tmp_path, "live", "running")
    write(tmp_path, "dead", "running", age=9_999)
    assert first_shown(tmp_path, ["dead", "live", "old"]) == ["live"]
    assert first_shown(tmp_path, ["dead", "old"]) == ["dead"]
    assert first_shown(tmp_path, []) == []


def test_names_that_are_no_run_of_the_folder_are_passed_over(tmp_path):
    write(tmp_path, "news", "finished")
    assert [run.name for run in read_runs(tmp_path, ["../news", "news", "x"])] == ["news"]
    assert read_runs(tmp_path, None) == []


@pytest.fixture
def handlers(tmp_path):
    with gr.Blocks() as demo, gr.Tabs() as tabs, gr.Tab("Training") as tab:
        training_tab(tmp_path, tab, tabs)
    return {function.name: function.fn for function in demo.fns.values()}


def by_id(updates):
    return {getattr(block, "elem_id", None) or type(block).__name__: new for block, new in updates.items()}


def test_curves_are_drawn_anew_only_when_the_log_has_grown(tmp_path, handlers):
    write(tmp_path, "news", "running")
    before = versions(tmp_path, ["news"])
    shown = by_id(handlers["renew"](["news"], "updates", before))
    assert "curves" not in shown
    assert "update 10 of 60" in shown["run-states"]
    write(tmp_path, "news", "running", lines=2)
    shown = by_id(handlers["renew"](["news"], "updates", before))
    assert shown["curves"].visible
    assert shown["State"] == versions(tmp_path, ["news"]) != before


def test_a_new_training_appears_in_the_menu_while_the_tab_is_open(tmp_path, handlers):
    shown = by_id(handlers["renew"]([], "updates", []))
    assert (shown["runs"].choices, shown["Column"].visible, shown["Markdown"].visible) == ([], False, True)
    write(tmp_path, "news", "running")
    shown = by_id(handlers["renew"]([], "updates", []))
    assert (shown["runs"].choices, shown["Column"].visible) == ([("news", "news")], True)


def test_opening_the_tab_shows_the_runs_of_the_address(tmp_path, handlers):
    write(tmp_path, "a", "finished")
    write(tmp_path, "b", "running")

    class Asked:
        query_params = {"runs": "a,../b,c"}  # noqa: RUF012

    shown = by_id(handlers["open_tab"]([], "updates", Asked()))
    assert shown["runs"].value == ["a"]
    assert shown["Timer"].active
    Asked.query_params = {}
    assert by_id(handlers["open_tab"]([], "updates", Asked()))["runs"].value == ["b"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (75, "1 min"), (4000, "1 h 6 min"), (3 * 86_400, "3 days")],
)
def test_a_time_is_said_as_a_reader_says_it(seconds, text):
    assert duration(seconds) == text
