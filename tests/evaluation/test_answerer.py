"""A bridge as what is measured, against the bridge asked by hand."""

import pytest
import torch

from fusion_demo.decoding import Decoding
from fusion_demo.evaluation import BridgeAnswerer
from fusion_demo.tasks import TASKS, get_training_task

TEXTS = ["good day", "ලංකා", "a much longer text than the other two"]


@pytest.fixture
def bridge(make_bridge):
    return make_bridge(fusion="transformer-softmax")


def test_a_bridge_reads_the_texts_as_they_are(bridge):
    answerer = BridgeAnswerer(bridge, "mine")
    assert answerer.name == "mine"
    prepared = answerer.prepare(tuple(TEXTS), "si")
    assert prepared == TEXTS
    assert isinstance(prepared, list)


def test_labels_are_scored_by_their_words_in_the_prompt_of_the_task(bridge):
    task = TASKS["news"]
    frame = bridge.frame(task.instruction, task.bare_prompt)
    expected = bridge.score_labels(TEXTS, list(task.label_words.values()), frame).log_likelihoods
    assert torch.equal(BridgeAnswerer(bridge).score_labels(TEXTS, task), expected)


def test_an_echo_is_written_greedily_in_the_prompt_of_its_task(bridge):
    echo = get_training_task("echo")
    frame = bridge.frame(echo.instruction, echo.bare_prompt)
    decoding = Decoding(max_new_tokens=echo.answer_tokens, no_repeat_ngram=echo.no_repeat_ngram)
    assert BridgeAnswerer(bridge).generate(TEXTS, echo) == bridge.generate(TEXTS, frame, decoding)


def test_a_label_is_written_at_most_as_long_as_the_longest(bridge):
    task = TASKS["news"]
    frame = bridge.frame(task.instruction, task.bare_prompt)
    longest = frame.answer_decoding(bridge.llm.tokenizer, list(task.label_words.values()))
    assert BridgeAnswerer(bridge).generate(TEXTS, task) == bridge.generate(TEXTS, frame, longest)


def test_the_divergence_is_that_of_the_taught_bridge_and_leaves_no_gradients(bridge):
    chat = get_training_task("chat")
    english, answers = ["good morning", "lanka", "a text"], ["hello", "an island", "thanks"]
    frame = bridge.frame(chat.instruction, chat.bare_prompt)
    expected = bridge(TEXTS, answers, frame, taught_by=english)
    found = BridgeAnswerer(bridge).divergence(TEXTS, answers, english, chat)
    assert isinstance(found, float)
    assert found == pytest.approx(expected.item(), rel=1e-5)
    # The same English read by the LLM itself is what it is measured against, not the texts.
    assert found != pytest.approx(BridgeAnswerer(bridge).divergence(TEXTS, answers, TEXTS, chat), rel=1e-3)
    assert found != pytest.approx(
        BridgeAnswerer(bridge).divergence(english, answers, english, chat), rel=1e-3
    )
