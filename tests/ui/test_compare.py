"""The tab Compare, called as the page calls it."""

from functools import partial

import gradio as gr
import pytest

from fusion_demo.errors import ModelError
from fusion_demo.lanes import LLM_ALONE, MAX_LANES
from fusion_demo.session import Session
from fusion_demo.ui.compare import Question, compare_tab
from fusion_demo.ui.lane import hint_html

CHOICES = ("news-second", False, "news-second", True, LLM_ALONE, False, LLM_ALONE, False)


@pytest.fixture
def tab(tiny_checkpoints):
    with gr.Blocks() as demo:
        compare_tab(Session(tiny_checkpoints))
    return demo


def handler(tab, name):
    return next(function.fn for function in tab.fns.values() if function.name == name)


def details(tab) -> list[gr.HTML]:
    return [block for block in tab.blocks.values() if "lane-details" in (block.elem_classes or [])]


@pytest.mark.parametrize("count", [2, MAX_LANES])
def test_a_lane_that_was_not_asked_says_how_it_is_filled_and_the_others_answer(tab, count):
    shown = {}
    for update in handler(tab, "ask_all")("rain", "", "news", count, "Words", *CHOICES):
        shown |= update
    texts = [shown[part] for part in details(tab)]
    assert [text == hint_html() for text in texts] == [place >= count for place in range(MAX_LANES)]
    assert all("answered" in text for text in texts[:count])


def test_another_task_and_a_text_that_cannot_be_read_leave_lanes_to_be_filled(tab):
    (problem,) = handler(tab, "ask_all")("", "", "news", 2, "Words", *CHOICES)
    for shown in (handler(tab, "choose_task")("xnli"), problem):
        assert [shown[part] for part in details(tab)] == [hint_html()] * MAX_LANES


def test_where_nobody_answers_any_more_the_lanes_that_were_answered_stay(tiny_checkpoints, monkeypatch):
    session = Session(tiny_checkpoints)
    with gr.Blocks() as tab:
        compare_tab(session)
    original = session.compare

    def break_off(*arguments):
        yield next(original(*arguments))
        raise ModelError("The GPU is gone.")

    monkeypatch.setattr(session, "compare", break_off)
    shown = {}
    for update in handler(tab, "ask_all")("rain", "", "news", 3, "Words", *CHOICES):
        shown |= update
    texts = [shown[part] for part in details(tab)]
    assert "answered" in texts[0]
    assert ["The GPU is gone." in text for text in texts] == [False, True, True, False]

    def fail(*_):
        raise ModelError("The GPU is gone.")
        yield

    monkeypatch.setattr(session, "compare", fail)
    partials = [function.fn for function in tab.fns.values() if isinstance(function.fn, partial)]
    again = next(each for each in partials if each.func.__name__ == "ask_again")
    update = again(Question("rain", "", "news"), [None] * MAX_LANES, "Words", "news-second", False)
    assert "The GPU is gone." in update[details(tab)[0]]
