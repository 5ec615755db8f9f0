import json

import pytest

from fusion_demo.data import Example
from fusion_demo.data.jsonl import MAX_LINE_BYTES, jsonl_languages, read_jsonl
from fusion_demo.errors import DataError
from fusion_demo.tasks import get_task

NEWS, XNLI = get_task("news"), get_task("xnli")


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def read_line(folder, line):
    (folder / "dev.hi.jsonl").write_bytes(b'{"text": "fine", "label": "world"}\n\n' + line)
    return read_jsonl(folder, NEWS, "dev", "hi")


def test_row_counts_examples_not_lines(folder):
    (folder / "dev.hi.jsonl").write_text(
        '\n{"text": "a", "label": "world"}\n\n{"text": "b", "label": "world"}\n'
    )
    assert [(e.text, e.row) for e in read_jsonl(folder, NEWS, "dev", "hi")] == [("a", 0), ("b", 1)]


def test_pair_is_read_by_the_tasks_fields_in_their_order(folder):
    row = {"hypothesis": "It is dry.", "label": "contradiction", "premise": "It rains.", "source": "x"}
    (folder / "dev.hi.jsonl").write_text(json.dumps(row) + "\n")
    (example,) = read_jsonl(folder, XNLI, "dev", "hi")
    assert example == Example(("It rains.", "It is dry."), "contradiction", 0)
    assert example.characters == len("It rains.It is dry.")


def test_texts_are_composed(folder):
    row = {"premise": "Vie\u0323\u0302t", "hypothesis": "ක\u0dd9\u0dcf", "label": "neutral"}
    (folder / "dev.hi.jsonl").write_text(json.dumps(row) + "\n")
    assert read_jsonl(folder, XNLI, "dev", "hi")[0].text == ("Việt", "කො")
    assert read_line(folder, b'{"text": "e\\u0301", "label": "world"}')[1].text == "é"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"premise": "a", "label": "neutral"}, r"no string 'hypothesis'. Fields there: label, premise\."),
        ({"premise": "a", "hypothesis": "  ", "label": "neutral"}, "the hypothesis is empty"),
        ({"premise": "a", "hypothesis": "b", "label": "sports"}, "Unknown label 'sports'"),
    ],
)
def test_bad_pair_is_refused_with_file_and_line_number(folder, row, message):
    (folder / "dev.hi.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=rf"dev\.hi\.jsonl:1: .*{message}"):
        read_jsonl(folder, XNLI, "dev", "hi")


def test_byte_order_mark_is_left_out(folder):
    (folder / "dev.ta.jsonl").write_text('{"text": "ok", "label": "world"}\n', encoding="utf-8-sig")
    assert read_jsonl(folder, NEWS, "dev", "ta") == [Example("ok", "world")]


def test_file_without_rows_is_refused(folder):
    (folder / "dev.hi.jsonl").write_text("\n\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"dev\.hi\.jsonl holds no examples"):
        read_jsonl(folder, NEWS, "dev", "hi")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "cut', "not a JSON object"),
        (b"[1, 2]", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b"9" * 5000, "not a JSON object"),
        (b'{"text": "\xff", "label": "world"}', "not UTF-8"),
        (b'{"text": "no label"}', r"no string 'label'. Fields there: text\."),
        (b'{"headline": "no text", "label": "world"}', r"no string 'text'. Fields there: headline, label\."),
        (b'{"text": 5, "label": "world"}', "no string 'text'"),
        (b'{"text": " \\n", "label": "world"}', "the text is empty"),
        (b'{"text": "\\ud800", "label": "world"}', "surrogate"),
        (b'{"text": "a", "label": "sport"}', r"Unknown label 'sport'. Did you mean 'sports'\?"),
        (b'{"text": "' + b"a" * MAX_LINE_BYTES + b'"}', "longer than 1,000,000 bytes"),
    ],
)
def test_bad_line_is_refused_with_file_and_line_number(folder, line, message):
    with pytest.raises(DataError, match=rf"dev\.hi\.jsonl:3: .*{message}"):
        read_line(folder, line)


def test_only_files_named_by_split_and_language_are_counted(folder):
    for name in (
        "dev.si.jsonl",
        "dev.en.jsonl",
        "train.en.jsonl",
        "dev.jsonl",
        "notes.en.jsonl",
        "dev.en.json",
    ):
        (folder / name).touch()
    (folder / "test.en.jsonl").mkdir()
    assert jsonl_languages(folder) == {"dev": ["en", "si"], "train": ["en"]}
