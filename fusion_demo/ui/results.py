"""The tab Results: the tables of docs/results.md, sortable, and the checkpoints' cards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from fusion_demo.checkpoint import list_checkpoints
from fusion_demo.errors import FusionDemoError
from fusion_demo.results import INTRODUCTION, READING, Block, Cell, Commands, Section, Table, read_results
from fusion_demo.results.markdown import render_blocks
from fusion_demo.ui.card import card_html
from fusion_demo.ui.reading import problem_html
from fusion_demo.ui.translations import ui_text

MEASURE = "python -m train_cli evaluate --checkpoint {folder}/NAME --data FOLDER --split test --record"


def results_tab(checkpoints: Path, metrics: Path, tab: gr.Tab) -> None:
    """Build the tab inside itself; the files are read anew whenever it is opened.

    Args:
        checkpoints: Folder with one checkpoint a subfolder; it may be missing.
        metrics: Folder of all other metrics files; it may be missing.
        tab: Where this stands.
    """

    def show(section: str | None, table: str | None) -> dict[Any, Any]:
        try:
            sections = [found for found in read_results(checkpoints, metrics) if found.blocks]
        except (FusionDemoError, OSError) as error:
            return {
                problem: gr.HTML(problem_html(str(error)), visible=True),
                **{area: gr.Column(visible=False) for area in (nothing, measured)},
            }
        hidden = {problem: gr.HTML(visible=False)}
        if not sections:
            return {**hidden, nothing: gr.Column(visible=True), measured: gr.Column(visible=False)}
        headings = [found.heading for found in sections]
        chosen = sections[headings.index(section) if section in headings else 0]
        names = table_names(chosen)
        name = table if table in names else (names[0] if names else None)
        before, shown, after = around(chosen, name)
        return {
            **hidden,
            nothing: gr.Column(visible=False),
            measured: gr.Column(visible=True),
            section_menu: gr.Dropdown(headings, value=chosen.heading),
            table_menu: gr.Dropdown(names, value=name, visible=len(names) > 1),
            prose: safe_markdown(before),
            grid: gr.Dataframe(
                visible=shown is not None,
                value=grid_value(shown) if shown else None,
                datatype=column_types(shown) if shown else "str",
            ),
            commands: safe_markdown(after),
        }

    def refresh_cards(name: str | None) -> tuple[Any, Any]:
        try:
            infos = {info.name: info for info in list_checkpoints(checkpoints)}
        except (FusionDemoError, OSError) as error:
            return gr.skip(), problem_html(str(error))
        if not infos:
            return gr.Dropdown([], value=None, visible=False), ""
        name = name if name in infos else next(iter(infos))
        return gr.Dropdown(list(infos), value=name, visible=True), card_html(infos[name])

    problem = gr.HTML(visible=False, elem_id="results-problem")
    with gr.Column(visible=False) as nothing:
        command = MEASURE.format(folder=checkpoints.name)
        gr.Markdown(f"{ui_text('nothing_measured')}\n\n```\n{command}\n```")
    with gr.Column(visible=False) as measured:
        with gr.Row():
            section_menu = gr.Dropdown(
                [], label=ui_text("what_was_measured"), elem_id="results-section", min_width=280
            )
            table_menu = gr.Dropdown([], label=ui_text("table"), elem_id="results-table", min_width=280)
        prose = gr.Markdown(elem_id="results-prose", elem_classes="prose")
        grid = gr.Dataframe(
            interactive=False,
            show_label=False,
            max_height=640,
            buttons=["copy", "fullscreen"],
            pinned_columns=1,
            elem_id="results-grid",
        )
        commands = gr.Markdown(elem_id="results-commands", elem_classes="prose")
        with gr.Accordion(ui_text("how_to_read"), open=False):
            gr.Markdown(f"{INTRODUCTION}\n{READING}")
    card_menu = gr.Dropdown(
        [], label=ui_text("card_of_checkpoint"), elem_id="results-card-menu", visible=False
    )
    card = gr.HTML(elem_id="results-card")

    quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    outputs = [problem, nothing, measured, section_menu, table_menu, prose, grid, commands]
    tab.select(show, [section_menu, table_menu], outputs, **quiet)
    tab.select(refresh_cards, card_menu, [card_menu, card], **quiet)
    section_menu.input(lambda section: show(section, None), section_menu, outputs, **quiet)
    table_menu.input(show, [section_menu, table_menu], outputs, **quiet)
    card_menu.input(refresh_cards, card_menu, [card_menu, card], **quiet)


def table_names(section: Section) -> list[str]:
    """Return the names of a section's tables in order."""
    return [block.name for block in section.blocks if isinstance(block, Table)]


def around(section: Section, name: str | None) -> tuple[list[Block], Table | None, list[Block]]:
    """Return what stands before a table of a section, the table, and what follows the last of its tables."""
    blocks = list(section.blocks)
    places = [i for i, block in enumerate(blocks) if isinstance(block, Table)]
    if not places:
        return blocks, None, []
    place = next(i for i in places if blocks[i].name == name)
    table = blocks[place]
    before = [block for block in blocks[:place] if not isinstance(block, Table)]
    caption = [f"{table.caption}\n"] if table.caption else []
    return [*before, *caption], table, blocks[places[-1] + 1 :]


def grid_value(table: Table) -> dict[str, Any]:
    """Return a table as `gr.Dataframe` takes it: sorted by its numbers, shown as its texts."""
    return {
        "headers": list(table.header),
        "data": [[cell.value if isinstance(cell, Cell) else cell for cell in row] for row in table.body],
        "metadata": {
            "display_value": [[str(cell) for cell in row] for row in table.body],
            "styling": [["" for _ in row] for row in table.body],
        },
    }


def column_types(table: Table) -> list[str]:
    """Return "number" or "str" for each column of a table."""
    columns = zip(*table.body, strict=True)
    return ["number" if all(isinstance(cell, Cell) for cell in column) else "str" for column in columns]


def safe_markdown(blocks: Sequence[Block]) -> str:
    """Return blocks as Markdown in which names from files bring neither HTML nor pictures."""
    return render_blocks([block if isinstance(block, Commands) else _without_html(block) for block in blocks])


def _without_html(block: Block) -> Block:
    return block.replace("<", "&lt;").replace("![", "!\\[") if isinstance(block, str) else block
