"""Results as files: what a spreadsheet and a program find in them."""

import csv
import io
import json

import pytest

from fusion_demo.many_texts import (
    AnsweredRow,
    InputRow,
    ResultRow,
    read_upload,
    result_columns,
    result_row,
    results_csv,
    results_jsonl,
)
from fusion_demo.tasks import TASKS

XNLI, NEWS = TASKS["xnli"], TASKS["news"]
ROWS = [
    ResultRow(
        1,
        ("ළමයි, ගඟේ", 'He said "no"'),
        "neutral",
        {"entailment": 0.25, "neutral": 0.7, "contradiction": 0.05},
        "si",
        "",
    ),
    ResultRow(2, ("alone",), None, {}, None, "There is no hypothesis to read."),
]


def read_csv(content):
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_csv_has_a_column_for_every_text_and_label():
    first, second = read_csv(results_csv(ROWS, XNLI))
    assert list(first) == result_columns(XNLI)
    assert first == {
        "row": "1",
        "premise": "ළමයි, ගඟේ",
        "hypothesis": 'He said "no"',
        "label": "neutral",
        "probability_entailment": "0.250000",
        "probability_neutral": "0.700000",
        "probability_contradiction": "0.050000",
        "language": "si",
        "note": "",
    }
    assert (second["premise"], second["hypothesis"], second["label"]) == ("alone", "", "")
    assert second["note"] == "There is no hypothesis to read."


def test_jsonl_has_an_object_a_line():
    first, second = [json.loads(line) for line in results_jsonl(ROWS, XNLI).decode().splitlines()]
    assert first["scores"] == ROWS[0].scores
    assert (first["premise"], first["label"], first["language"]) == ("ළමයි, ගඟේ", "neutral", "si")
    assert second == {
        "row": 2,
        "premise": "alone",
        "hypothesis": "",
        "label": None,
        "scores": {},
        "language": None,
        "note": "There is no hypothesis to read.",
    }


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r", "＝", "＋", "－", "＠", "  ="])
def test_no_cell_is_a_formula_to_a_spreadsheet(sign):
    text = f"{sign}HYPERLINK(1)"
    rows = [ResultRow(1, (text,), None, {}, None, text)]
    (cells,) = read_csv(results_csv(rows, NEWS))
    assert cells["text"] == cells["note"] == f"'{text}"
    (line,) = results_jsonl(rows, NEWS).decode().splitlines()
    assert json.loads(line)["text"] == text


def test_results_can_be_uploaded_again():
    content = results_csv(ROWS[:1], XNLI)
    assert read_upload("results.csv", content, XNLI.fields).rows == [InputRow(ROWS[0].texts)]


def test_a_row_that_failed_keeps_its_text_without_what_no_file_can_hold():
    row = result_row(InputRow(("ne\ud800ws\x00 ",)), AnsweredRow(4, problem="No."))
    assert row == ResultRow(5, ("news",), None, {}, None, "No.")
    assert b"news" in results_csv([row], NEWS)
    assert b"news" in results_jsonl([row], NEWS)
