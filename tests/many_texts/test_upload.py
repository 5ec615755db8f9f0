"""Files that readers upload: what is read of them, and what is said of those that cannot be read."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_demo.errors import InputError
from fusion_demo.many_texts import MAX_FILE_BYTES, MAX_ROWS, InputRow, read_upload

TEXT, PAIR = ("text",), ("premise", "hypothesis")


def rows(name, content, fields=TEXT):
    return read_upload(name, content.encode() if isinstance(content, str) else content, fields).rows


def texts(*values):
    return [InputRow((value,)) for value in values]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_table_of_any_common_form(mark, end, sign):
    lines = [sign.join(row) for row in (["id", "Text "], ["1", "ලංකා"], ["2", '"a, b; c\td ""e"""'])]
    found = read_upload("a.CSV", (mark + end.join(lines) + end + end).encode(), TEXT)
    assert found.rows == texts("ලංකා", 'a, b; c\td "e"')
    assert found.unused == ["id"]


STORM = "After the storm, the striker scored twice in the cup final"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize(
    "line",
    [
        STORM,
        "semi; colon",
        '"Stop," he said, "now"',
        '"never closed',
        ', "a", ',
        "5,000",
        'a "b" c',
        '"a", "b"',
        "a\tb",
    ],
)
def test_a_line_of_a_file_of_one_column_is_the_text(name, line):
    assert rows(name, f"text\n{line}\nnext\n") == texts(line, "next")


def test_more_cells_than_columns_are_noted_and_shift_nothing():
    found = rows("a.csv", f"id,text,label\n1,{STORM},x\n2,good,x\n3,short\n")
    assert [row.problem for row in found] == [
        "Line 2 has 4 cells, but the first line names 3 columns. "
        "Put cells that hold a comma in quotation marks.",
        "",
        "Line 4 has 2 of 3 columns. Correct or remove it.",
    ]
    assert found[1].texts == ("good",)
    (row,) = rows("a.csv", "premise;hypothesis\na; b;c\n", PAIR)
    assert "has 3 cells" in row.problem
    assert "a semicolon" in row.problem
    (row,) = rows("a.tsv", "premise\thypothesis\na\tb\tc\n", PAIR)
    assert row.problem.endswith("No cell can hold a tab. Correct or remove it.")


def test_a_quotation_mark_in_a_tsv_file_is_a_sign_like_any_other():
    lines = ['"Unclosed', 'a\t"b', '"c" d\te', '"f"\t"g"', "h, i\tj; k"]
    found = rows("a.tsv", "premise\thypothesis\n" + "\n".join(lines[1:]), PAIR)
    assert [row.texts for row in found] == [("a", '"b'), ('"c" d', "e"), ('"f"', '"g"'), ("h, i", "j; k")]
    assert not any(row.problem for row in found)
    assert rows("a.tsv", "text\n" + "\n".join(lines[:1] * 2)) == texts('"Unclosed', '"Unclosed')


def test_a_tsv_file_of_a_program_that_quotes_is_understood():
    assert rows("a.tsv", 'id\ttext\n1\t"""Stop,"" he said"\n') == texts('"Stop," he said')
    assert rows("a.tsv", '"id"\t"text"\n"1"\t"Stop"\n') == texts("Stop")


def test_a_cell_may_hold_a_line_break():
    assert rows("a.csv", 'text\n"one\r\ntwo"\nthree\n') == texts("one\r\ntwo", "three")


def test_both_columns_of_a_pair_in_any_order():
    content = "label,hypothesis,premise\nx,It is dry.,It rains.\n"
    found = read_upload("a.csv", content.encode(), PAIR)
    assert found.rows == [InputRow(("It rains.", "It is dry."))]
    assert found.unused == ["label"]


@pytest.mark.parametrize("ending", ["jsonl", "ndjson"])
def test_json_lines(ending):
    content = '\ufeff{"text": "ලංකා", "id": 1}\r\n\n{"text": "a\\nb"}\n'
    found = read_upload(f"x.{ending}", content.encode(), TEXT)
    assert (found.rows, found.unused) == (texts("ලංකා", "a\nb"), ["id"])


def test_a_bad_row_of_a_table_costs_no_other_one():
    content = 'premise,hypothesis\na,b\nalone\n"x"y,z\nc,d\n"open,e\nf,g\n'
    found = rows("a.csv", content, PAIR)
    assert [row.texts for row in found if not row.problem] == [("a", "b"), ("c", "d")]
    assert [row.problem.split(".")[0] for row in found if row.problem] == [
        "Line 3 has 1 of 2 columns",
        "From line 4 on, quotation marks do not match",
        "From line 6 on, quotation marks do not match",
    ]


def test_a_bad_line_of_json_costs_no_other_one():
    lines = ["{oops", '["text"]', '{"text": 5}', '{"txet": "a"}', "[" * 100_000, '{"text": "good"}']
    found = rows("a.jsonl", "\n".join(lines))
    assert [row.problem for row in found] == [
        "Line 1 is not a JSON object. Correct or remove it.",
        "Line 2 is not a JSON object. Correct or remove it.",
        "Line 3 has no string 'text'. Found: 'text'.",
        "Line 4 has no string 'text'. Found: 'txet'.",
        "Line 5 is not a JSON object. Correct or remove it.",
        "",
    ]
    assert found[-1].texts == ("good",)


@pytest.mark.parametrize(
    ("name", "content", "fields", "message"),
    [
        (
            "a.xlsx",
            "PK",
            TEXT,
            "'a.xlsx' is none of the files that can be read: .csv, .tsv, .jsonl",
        ),
        ("text", "text\na", TEXT, "'text' is none of the files"),
        ("a.csv", "", TEXT, "first line names these columns: none. The file needs a column 'text'"),
        ("a.csv", "text\n", TEXT, "The file holds no rows. It needs a column 'text'"),
        ("a.jsonl", "\n\n", TEXT, "The file holds no rows"),
        (
            "a.csv",
            "id,sentence\n1,a\n",
            TEXT,
            "these columns: 'id', 'sentence'. The file needs a column",
        ),
        ("a.csv", "premise,x\na,b\n", PAIR, "'premise', 'x'. The file needs the columns 'premise' and 'hypo"),
        ("a.csv", "text,TEXT\na,b\n", TEXT, "There are two columns 'text'. Keep one of them"),
        ("a.csv", "x," * 40 + "y\na\n", TEXT, "and 29 more. The file needs"),
        ("a.jsonl", '{"sentence": "a"}', TEXT, "have these keys: 'sentence'. The file needs a column"),
        (
            "a.csv",
            "text\nල\n".encode("utf-16"),
            TEXT,
            "The file is not UTF-8: line 1 holds other bytes",
        ),
        ("a.csv", b"text\ngut\nsch\xf6n\n", TEXT, "The file is not UTF-8: line 3 holds"),
        ("a.csv", b"text\n" + b"a" * MAX_FILE_BYTES, TEXT, "8,000,005 bytes; at most 8,000,000"),
        ("a.csv", "text\n" + "a\n" * (MAX_ROWS + 1), TEXT, f"more than {MAX_ROWS} texts"),
        ("a.jsonl", '{"text": "a"}\n' * (MAX_ROWS + 1), TEXT, f"more than {MAX_ROWS} texts"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_what_is_needed(name, content, fields, message):
    with pytest.raises(InputError) as refused:
        rows(name, content, fields)
    assert message in str(refused.value)


def test_so_many_rows_and_no_more():
    assert len(rows("a.csv", "text\n" + "a\n" * MAX_ROWS)) == MAX_ROWS
    assert len(rows("a.jsonl", '{"text": "a"}\n' * MAX_ROWS)) == MAX_ROWS


def test_a_cell_without_end_is_named():
    (row,) = rows("a.csv", "id,text\n1," + "a" * 200_000)
    assert row.problem.startswith("Line 2 holds a cell that is too long")


READABLE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(st.lists(READABLE, min_size=1, max_size=5))
def test_what_python_writes_is_read_again(values):
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([["text"], *([value] for value in values)])
    assert rows("a.csv", file.getvalue()) == texts(*values)
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["id", "text"], *([1, value] for value in values)])
    assert rows("a.csv", file.getvalue()) == texts(*values)
    assert rows("a.jsonl", "\n".join(json.dumps({"text": value}) for value in values)) == texts(*values)


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.tsv", "a.jsonl"]))
def test_any_bytes_are_rows_or_a_sentence(content, name):
    try:
        found = rows(name, content)
    except InputError as error:
        assert str(error).endswith(".")  # noqa: PT017
    else:
        assert found
