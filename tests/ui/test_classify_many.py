"""What the tab says of many texts: labels, progress, the table, the files."""

import csv
import io
import json
from pathlib import Path
from threading import Event

import pytest

import app
from fusion_demo.many_texts import ResultRow
from fusion_demo.session import Session
from fusion_demo.tasks import TASKS
from fusion_demo.ui.classify_many import (
    file_label,
    lines_label,
    progress_html,
    results_table,
    summary_html,
)
from fusion_demo.ui.translations import in_english

NEWS, XNLI = TASKS["news"], TASKS["xnli"]
GOOD = ResultRow(2, ("ලංකා",), "sports", dict.fromkeys(NEWS.labels, 0.125), "si", "")
BAD = ResultRow(1, (), None, {}, None, "Line 1 is not a JSON object.")


def test_the_boxes_say_what_they_take():
    assert in_english(lines_label(NEWS)) == "One text a line"
    assert in_english(lines_label(XNLI)) == 'A line: premise, a tab or "|", hypothesis'
    assert in_english(file_label(NEWS)) == 'Or a CSV or JSONL file, with the column "text"'
    assert (
        in_english(file_label(XNLI)) == 'Or a CSV or JSONL file, with the columns "premise" and "hypothesis"'
    )


def test_the_table_has_every_row_in_the_order_given():
    table = results_table([GOOD, BAD], NEWS)
    assert table.value["headers"][:6] == ["Row", "Text", "Label", "Note", "Language", "business %"]
    first, second = table.value["data"]
    assert first[:5] == [1, "", "", BAD.note, ""]
    assert second[:6] == [2, "ලංකා", "sports", "", "Sinhala", 12.5]
    assert len(table.datatype) == len(table.value["headers"]) == len(first)


def test_progress_and_summary_are_read_out():
    assert 'value="3" max="7"' in progress_html(3, 7, [])
    assert "3 of 7 texts" in progress_html(3, 7, [])
    assert "1 text was classified, 1 could not be read" in summary_html([GOOD, BAD], 2, [])
    assert "Stopped after 1 of 5 texts. 1 text was classified." in summary_html([GOOD], 5, [])
    assert 'role="status"' in summary_html([GOOD], 1, [])
    named = summary_html([GOOD], 1, ["<b>", "id"])
    assert "Columns that were not read: &#x27;&lt;b&gt;&#x27;, &#x27;id&#x27;." in named


@pytest.fixture
def handlers(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints))
    return {function.name: function.fn for function in demo.fns.values()}


def run(handlers, text, file=None, task="news", checkpoint="news-second", stopped=None):
    """Return the last update of each component that the tab shows, by its id."""
    shown = {}
    for update in handlers["run"](stopped or Event(), text, file, task, checkpoint):
        shown |= {block.elem_id: value for block, value in update.items() if block.elem_id}
    return shown


def test_lines_become_a_table_and_two_files(handlers):
    shown = run(handlers, "ලංකා\n\n=1+1\n\u200b")
    assert [row[0] for row in shown["many-table"].value["data"]] == [1, 2, 3]
    assert "2 texts were classified, 1 could not be read" in shown["many-status"]
    rows = list(csv.DictReader(io.StringIO(Path(shown["many-csv"]).read_text("utf-8-sig"), newline="")))
    assert [row["text"] for row in rows] == ["ලංකා", "'=1+1", "\u200b"]
    lines = [json.loads(line) for line in Path(shown["many-jsonl"]).read_text("utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["ලංකා", "=1+1", "\u200b"]
    assert lines[0]["label"] == rows[0]["label"] in NEWS.labels
    assert lines[2]["label"] is None


def test_a_file_goes_before_the_lines(handlers, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("premise,hypothesis,id\nIt rains.,It is dry.,7\nalone\n", encoding="utf-8")
    shown = run(handlers, "a | b", str(path), "xnli", "pairs")
    first, second = shown["many-table"].value["data"]
    assert first[1:3] == ["It rains.", "It is dry."]
    assert second[4] == "Line 3 has 1 of 3 columns. Correct or remove it."
    assert "Columns that were not read: &#x27;id&#x27;" in shown["many-status"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"sentence\na\n", "needs a column 'text'"),
        ("a.csv", b"text\n\xff\n", "The file is not UTF-8"),
        ("a.csv", b"text\n" + b"a" * 8_000_000, "The file is larger than 8,000,000 bytes"),
        ("a.pdf", b"", "none of the files that can be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_and_the_button_comes_back(
    handlers, tmp_path, name, content, message
):
    (tmp_path / name).write_bytes(content)
    shown = run(handlers, "", str(tmp_path / name))
    assert message in shown["many-problem"].value
    assert shown["many-go"].visible
    assert not shown["many-stop"].visible
    assert "many-csv" not in shown


def test_what_was_done_before_stop_is_kept(handlers):
    stopped = Event()
    assert not handlers["halt"](stopped).interactive
    shown = run(handlers, "\u200b\nනිවස\nහිරු", stopped=stopped)
    assert "Stopped after 1 of 3 texts." in shown["many-status"]
    assert len(Path(shown["many-jsonl"]).read_text("utf-8").splitlines()) == 1
    assert shown["many-go"].visible
