"""Links: what they ask for, and what of it is known."""

import pytest

from fusion_demo.input_text import MAX_CHARACTERS
from fusion_demo.session import Session
from fusion_demo.ui.links import LinkState, notice_html, read_link

TABS = ["classify", "results", "training"]


@pytest.fixture
def read(tiny_checkpoints):
    session = Session(tiny_checkpoints)
    return lambda **query: read_link(query, TABS, session)


def test_a_link_holds_all_that_the_tab_shows(read):
    asked = {"tab": "classify", "task": "xnli", "checkpoint": "pairs", "text": "වැස්ස", "second": "اردو"}
    assert read(**asked) == LinkState("classify", "xnli", "pairs", "වැස්ස", "اردو", [])


def test_an_address_without_parameters_or_with_others_changes_nothing(read):
    assert read() == read(tab="", __theme="dark", runs="a") == LinkState()


def test_a_checkpoint_brings_its_task_and_a_text_its_tab(read):
    assert read(checkpoint="topics") == LinkState("classify", "sib200", "topics")
    assert read(text="news").tab == "classify"
    assert read(tab="results", text="news").tab == "results"


@pytest.mark.parametrize(
    ("query", "known"),
    [
        ({"tab": "classfy"}, LinkState()),
        ({"task": "new", "tab": "classify"}, LinkState("classify")),
        ({"checkpoint": "../../etc", "task": "news"}, LinkState("classify", "news")),
        ({"checkpoint": "topics", "task": "news"}, LinkState("classify", "news")),
        ({"checkpoint": "nowhere"}, LinkState("classify")),
    ],
)
def test_what_is_not_known_is_left_out_and_said(read, query, known):
    state = read(**query)
    assert (state.tab, state.task, state.checkpoint) == (known.tab, known.task, known.checkpoint)
    (notice,) = state.notices
    assert "which is not here" in notice


def test_a_text_that_is_too_long_is_left_out_and_said(read):
    state = read(text="x" * (MAX_CHARACTERS + 1))
    assert state.text == ""
    assert "has 5,001 characters and was left out; at most 5,000" in state.notices[0]
    assert read(text="x" * MAX_CHARACTERS).text == "x" * MAX_CHARACTERS


def test_a_second_text_needs_a_task_about_pairs(read):
    assert read(task="news", text="a", second="b").second == ""


def test_a_long_or_odd_value_is_quoted_short_and_escaped(read):
    state = read(tab="<script>" + "x" * 10_000)
    page = notice_html(state.notices)
    assert "<script" not in page
    assert len(page) < 400
    assert notice_html(["a"] * 100).count("<div>") == 5
