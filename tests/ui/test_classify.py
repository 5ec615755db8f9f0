"""The tab Classify, called as the page calls it, and what it says of a result."""

import re

import numpy as np
import pytest

import app
from fusion_demo.classification import Classification
from fusion_demo.session import Session
from fusion_demo.tasks import TASKS
from fusion_demo.tokens import Token
from fusion_demo.ui.classify import result_facts
from fusion_demo.ui.examples import EXAMPLE_KINDS
from fusion_demo.ui.translations import in_english

SINHALA = "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි"


def test_the_facts_of_a_plain_result():
    result = Classification(
        checkpoint="news-tiny",
        text="خبر",
        fields=("text",),
        label="world",
        scores={"world": 0.75, "sports": 0.25},
        language="ur",
        tokens=[Token("<s>", -1, special=True), Token("خبر", 0), Token("</s>", -1, special=True)],
        parts=[0, 0, 0],
        layers=[1, 2],
        layer_weights=np.full((3, 2), 0.5, np.float32),
        truncated=True,
        prompt_truncated=False,
        removed=0,
        milliseconds=12.3,
    )
    facts = re.sub("<[^>]+>", " ", result_facts(result)).split()
    assert facts[:8] == ["Language", "Urdu", "·", "اردو", "Tokens", "1", "Time", "12"]
    assert "only its first 1 tokens were read" in result_facts(result)


def test_the_button_shows_a_result_or_a_problem_and_never_both(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints))
    (handler, *others) = [function.fn for function in demo.fns.values() if function.name == "answer"]
    assert len(others) == 5  # the keyboard in both boxes, the examples of three kinds
    asked = ("", "news", None, "Words", "weight", 0)
    shown = {block.elem_id: update for block, update in handler(SINHALA, *asked).items()}
    assert set(shown["answer"]) == set(TASKS["news"].label_words)
    assert "<b" in shown["facts"]
    assert shown["problem"].visible is False
    shown = {block.elem_id: update for block, update in handler(None, *asked).items()}
    assert "There is no text to read" in shown["problem"].value
    assert "answer" not in shown


def test_a_task_brings_its_checkpoints(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints))
    handler = next(function.fn for function in demo.fns.values() if function.name == "choose_task")
    update, *_ = handler("sib200")
    assert (update.choices, update.value) == ([("topics", "topics")], "topics")


@pytest.mark.parametrize(
    ("task", "labels", "kind"),
    [
        ("news", ["Text in any language"], "headlines"),
        ("reviews", ["Text in any language"], "reviews"),
        ("xnli", ["Premise in any language", "Hypothesis in any language"], "pairs"),
    ],
)
def test_a_task_brings_a_box_for_each_of_its_texts_and_examples_of_its_kind(
    tiny_checkpoints, task, labels, kind
):
    demo = app.build_demo(Session(tiny_checkpoints))
    handler = next(function.fn for function in demo.fns.values() if function.name == "choose_task")
    _, first, second, *shelves = handler(task)
    assert [in_english(first.label), in_english(second.label)][: len(labels)] == labels
    assert second.visible == (len(labels) == 2)
    assert [name for name, shelf in zip(EXAMPLE_KINDS, shelves, strict=True) if shelf.visible] == [kind]


def test_the_second_box_is_not_read_where_a_task_asks_about_one_text(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints))
    handler = next(function.fn for function in demo.fns.values() if function.name == "answer")
    shown = {
        block.elem_id: update
        for block, update in handler("a", "b", "news", None, "Words", "weight", 0).items()
    }
    assert "answer" in shown
    shown = {
        block.elem_id: update
        for block, update in handler("a", "b", "xnli", None, "Words", "weight", 0).items()
    }
    assert set(shown["answer"]) == set(TASKS["xnli"].label_words)


def test_a_page_that_starts_with_a_pair_shows_two_boxes(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints, default_checkpoint="pairs"))
    second = next(block for block in demo.blocks.values() if getattr(block, "elem_id", None) == "second")
    assert (second.visible, in_english(second.label)) == (True, "Hypothesis in any language")
