"""The tab Results: the same tables as docs/results.md."""

from pathlib import Path

import gradio as gr
import pytest

from fusion_demo.results import Cell, Commands, Section, Table, read_results
from fusion_demo.ui.results import (
    around,
    column_types,
    grid_value,
    results_tab,
    safe_markdown,
    table_names,
)

ROOT = Path(__file__).resolve().parents[2]
FIRST = Table("First", ["system", "score"], [["b", Cell("9.0 (8–10)", 0.09)], ["a", Cell("–")]], "A caption:")
SECOND = Table("Second", ["system", "n"], [["b", Cell("1,000", 1000)]])
SECTION = Section(
    "News", ["Intro <b>\n", Commands(["run <it>"]), FIRST, "Between\n", SECOND, Commands(["again"])]
)


def built(checkpoints, metrics):
    """Return the handler that fills the tab, with updates by element id."""
    with gr.Blocks() as demo, gr.Tabs(), gr.Tab("Results") as tab:
        results_tab(checkpoints, metrics, tab)
    show = next(function.fn for function in demo.fns.values() if function.name == "show")

    def call(section=None, table=None):
        updates = show(section, table)
        found = {
            getattr(block, "elem_id", None) or type(block).__name__: new for block, new in updates.items()
        }
        areas = [block for block in updates if isinstance(block, gr.Column)]
        return found, [updates[area].visible for area in areas]

    return call


def test_a_table_is_sorted_by_its_numbers_and_shown_as_its_texts():
    value = grid_value(FIRST)
    assert value["headers"] == ["system", "score"]
    assert value["data"] == [["b", 0.09], ["a", None]]
    assert value["metadata"]["display_value"] == [["b", "9.0 (8–10)"], ["a", "–"]]
    assert gr.Dataframe().postprocess(value).metadata["display_value"][0][1] == "9.0 (8–10)"
    assert column_types(FIRST) == ["str", "number"]


def test_around_a_table_stands_what_explains_it_and_no_other_table():
    assert table_names(SECTION) == ["First", "Second"]
    before, table, after = around(SECTION, "Second")
    assert table is SECOND
    assert before == ["Intro <b>\n", Commands(["run <it>"]), "Between\n"]
    assert after == [Commands(["again"])]
    assert around(SECTION, "First")[0][-1] == "A caption:\n"
    assert around(Section("None", ["Only words\n"]), None) == (["Only words\n"], None, [])


def test_names_from_files_bring_neither_html_nor_pictures():
    text = safe_markdown(["**<img src=x>** ![x](http://a/b.png)\n", Commands(["a <b\nc"])])
    assert text == "**&lt;img src=x>** !\\[x](http://a/b.png)\n\n    a <b\n    c\n"


def test_the_tab_has_every_table_of_the_page_and_its_cells():
    sections = [
        section for section in read_results(ROOT / "checkpoints", ROOT / "docs/metrics") if section.blocks
    ]
    assert sections
    pages = [ROOT / "docs/results.md", *(ROOT / "docs/results").glob("*.md")]
    page = "".join(path.read_text("utf-8") for path in pages)
    call = built(ROOT / "checkpoints", ROOT / "docs/metrics")
    for section in sections:
        assert f"## {section.heading}\n" in page
        for name in table_names(section)[-1:]:
            found, _ = call(section.heading, name)
            assert found["results-section"].value == section.heading
            assert found["results-table"].value == name
            grid = found["results-grid"].value
            shown = grid["metadata"]["display_value"] if "metadata" in grid else grid.values.tolist()
            for row in shown:
                assert f"| {' | '.join(map(str, row))} |\n" in page


def test_an_unknown_name_shows_the_first_table():
    call = built(ROOT / "checkpoints", ROOT / "docs/metrics")
    found, _ = call("no such", "nor such")
    assert found["results-section"].value == found["results-section"].choices[0][0]
    assert found["results-table"].value == "Overview"


def test_without_metrics_the_tab_says_what_to_run(tmp_path):
    found, visible = built(tmp_path / "bridges", tmp_path / "metrics")()
    assert visible == [True, False]
    assert found["results-problem"].visible is False


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "compare-a.json").write_text("[]")
    found, visible = built(tmp_path / "bridges", tmp_path)()
    assert "compare-a.json is no metrics file" in found["results-problem"].value
    assert visible == [False, False]


@pytest.mark.parametrize("chosen", ["news-first", "../../etc", None])
def test_a_card_is_that_of_a_checkpoint_of_the_folder(tiny_checkpoints, tmp_path, chosen):
    with gr.Blocks() as demo, gr.Tabs(), gr.Tab("Results") as tab:
        results_tab(tiny_checkpoints, tmp_path, tab)
    cards = next(function.fn for function in demo.fns.values() if function.name == "refresh_cards")
    menu, page = cards(chosen)
    assert menu.value == "news-first"
    assert "<h3>news-first</h3>" in page
