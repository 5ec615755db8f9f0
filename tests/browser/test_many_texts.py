"""What a reader sees of many texts in the tab Classify, and finds in the files, in a real browser."""

import csv
import io
import json
from pathlib import Path

import pytest

from fusion_demo.session import Session
from fusion_demo.tasks import TASKS

pytestmark = pytest.mark.browser

TEXTS = {
    "si": "ශ්‍රී ලංකා ක්‍රිකට් කණ්ඩායම අවසන් තරගය ජය ගනී",
    "ur": "پارلیمنٹ نے تعلیم کے نئے بجٹ کی منظوری دے دی",
    "th": "รัฐบาลประกาศงบประมาณใหม่สำหรับโรงพยาบาลทั่วประเทศ",
    "as": "গুৱাহাটীত আজি আৰম্ভ হ'ল চলচ্চিত্ৰ মহোৎসৱ",
}
FORMULA = '=HYPERLINK("http://x") <b>bold</b>'
UNREADABLE = "\u200b"
LINES = "\n".join([*TEXTS.values(), FORMULA, UNREADABLE])
NEWS = TASKS["news"]


def open_tab(page):
    page.get_by_role("tab", name="Classify").click()
    page.get_by_role("tab", name="Many texts").click()
    page.locator("#many-text textarea").wait_for()


def classify_all(page):
    page.locator("#many-go").click()
    page.locator("#many-csv").wait_for()


def cells(page):
    """Return the text of the shown cells, row by row."""
    rows = page.locator("#many-table [role=row]:has([role=gridcell])").all()
    return [[cell.strip() for cell in row.locator("[role=gridcell]").all_inner_texts()] for row in rows]


def download(page, button: str) -> tuple[str, bytes]:
    with page.expect_download() as coming:
        page.locator(button).click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


def check_files(page, expected: list[str]) -> list[dict]:
    """Parse both downloads, see that they agree, and return the objects."""
    name, content = download(page, "#many-jsonl")
    rows = [json.loads(line) for line in content.decode().splitlines()]
    assert name == "news-results.jsonl"
    assert [row["text"] for row in rows] == expected
    name, content = download(page, "#many-csv")
    table = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert name == "news-results.csv"
    for row, line in zip(rows, table, strict=True):
        assert line["text"] == (f"'{row['text']}" if row["text"].startswith("=") else row["text"])
        assert line["label"] == (row["label"] or "")
        for label, score in row["scores"].items():
            assert float(line[f"probability_{label}"]) == pytest.approx(score, abs=1e-6)
    return rows


def test_lines_in_four_scripts_become_a_table_and_two_files(page, tiny_checkpoints):
    open_tab(page)
    page.locator("#many-text textarea").fill(LINES)
    classify_all(page)
    page.get_by_text("5 texts were classified, 1 could not be read: see the notes.").wait_for()
    shown = cells(page)
    assert [row[1] for row in shown] == [*TEXTS.values(), FORMULA, UNREADABLE.strip()]
    assert [row[4] for row in shown[:4]] == ["Sinhala", "Urdu", "Thai", "Assamese"]
    assert "There is no text to read" in shown[5][3]
    assert page.locator("#many-table b").count() == 0
    rows = check_files(page, [*TEXTS.values(), FORMULA, UNREADABLE])
    assert [row["label"] or "" for row in rows] == [row[2] for row in shown]
    alone = Session(tiny_checkpoints).classify(TEXTS["si"], "news")
    assert rows[0]["scores"] == pytest.approx(alone.scores, abs=1e-4)


def test_urdu_stands_at_the_right_of_its_cell_and_sinhala_at_the_left(page):
    open_tab(page)
    page.locator("#many-text textarea").fill("خبر\nලංකා")
    classify_all(page)
    for text, side in (("خبر", "right"), ("ලංකා", "left")):
        span = page.locator("#many-table [role=gridcell]").get_by_text(text).first
        free = span.evaluate(
            """span => { const range = document.createRange(); range.selectNodeContents(span);
            const cell = span.closest('[role=gridcell]').getBoundingClientRect();
            const box = range.getBoundingClientRect();
            return {left: box.left - cell.left, right: cell.right - box.right}; }"""
        )
        assert free[side] < 30 < free["left" if side == "right" else "right"]


def test_a_file_of_pairs_is_read_and_a_bad_row_costs_no_other(page, tmp_path):
    open_tab(page)
    page.locator("#many-task input").click()
    page.get_by_role("option", name=TASKS["xnli"].title).click()
    page.get_by_label('A line: premise, a tab or "|", hypothesis').wait_for()
    path = tmp_path / "pairs.csv"
    path.write_bytes('\ufeffid;premise;hypothesis\r\n1;"a; b";c\r\n2;alone\r\n'.encode())
    page.locator("#many-file input[type=file]").set_input_files(path)
    page.get_by_text("pairs").first.wait_for()
    classify_all(page)
    page.get_by_text("Columns that were not read: 'id'.").wait_for()
    first, second = cells(page)
    assert first[1:3] == ["a; b", "c"]
    assert first[3] in TASKS["xnli"].labels
    assert "Line 3 has 2 of 3 columns" in second[4]


def test_what_is_wrong_with_a_file_is_said(page, tmp_path):
    open_tab(page)
    path = tmp_path / "texts.csv"
    path.write_text("sentence,id\na,1\n", encoding="utf-8")
    page.locator("#many-file input[type=file]").set_input_files(path)
    page.get_by_text("texts").first.wait_for()
    page.locator("#many-go").click()
    page.get_by_text("The file needs a column 'text'").wait_for()
    assert "'sentence', 'id'" in page.locator("#many-problem").inner_text()
    assert page.locator("#many-go").is_visible()


def test_progress_is_shown_and_stop_keeps_what_is_done(page, monkeypatch):
    monkeypatch.setattr("fusion_demo.many_texts.classify.PAUSE_SECONDS", 1.0)
    open_tab(page)
    page.locator("#many-text textarea").fill("\n".join(f"headline {number}" for number in range(160)))
    page.locator("#many-go").click()
    page.locator("#many-status progress").wait_for()
    page.wait_for_function("document.querySelector('#many-status progress').value >= 32")
    page.locator("#many-stop").click()
    page.locator("#many-csv").wait_for()
    page.get_by_text("of 160 texts. ").wait_for()
    _, content = download(page, "#many-jsonl")
    assert 32 <= len(content.decode().splitlines()) < 160
    assert page.locator("#many-go").is_visible()


def test_on_a_phone_the_table_scrolls_within_the_page(page):
    page.set_viewport_size({"width": 390, "height": 844})
    open_tab(page)
    page.locator("#many-text textarea").fill(LINES)
    classify_all(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.embedded
def test_the_shipped_checkpoint_sorts_four_languages(shipped_page):
    open_tab(shipped_page)
    shipped_page.locator("#many-text textarea").fill("\n".join(TEXTS.values()))
    classify_all(shipped_page)
    rows = check_files(shipped_page, list(TEXTS.values()))
    assert [row["language"] for row in rows] == list(TEXTS)
    assert (rows[0]["label"], rows[2]["label"], rows[3]["label"]) == ("sports", "health", "entertainment")
