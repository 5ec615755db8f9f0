"""One text and a batch of them get the same answers; the last layer alone is the fusions' own mask."""

import numpy as np
import pytest
import torch

from fusion_demo.classification import Classification, Question, classify_texts, read_question
from fusion_demo.errors import InputError
from fusion_demo.fusion import FUSIONS
from fusion_demo.tasks import TASKS

NEWS, XNLI = TASKS["news"], TASKS["xnli"]
TEXTS = ["ශ්‍රී ලංකා ක්‍රිකට්", "خبر", "a much longer text of many words that fills a row " * 4, "ข่าว"]


def test_a_question_is_the_text_as_it_can_be_read():
    assert read_question(NEWS, ["a\x00  b"]) == Question("a b", 1)
    assert read_question(NEWS, ["a", ""]) == Question("a", 0)
    pair = read_question(XNLI, [" a", "b\x00"])
    assert (pair, pair.plain) == (Question(("a", "b"), 1), "a b")


@pytest.mark.parametrize(
    ("task", "texts", "message"),
    [
        (NEWS, [], "There is no text to read"),
        (NEWS, ["a", "b"], "This task asks about one text"),
        (XNLI, ["a"], "There is no hypothesis to read"),
        (XNLI, ["", "b"], "There is no premise to read"),
        (XNLI, ["a", "b", "c"], "This task asks about"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(task, texts, message):
    with pytest.raises(InputError, match=message):
        read_question(task, texts)


@pytest.mark.parametrize("task", [NEWS, XNLI])
def test_a_batch_gets_what_each_text_gets_alone(make_bridge, task):
    bridge = make_bridge(fusion="transformer-softmax")
    questions = [Question(text if task is NEWS else (text, "so"), 0) for text in TEXTS]
    together = classify_texts(bridge, task, questions)
    for question, one in zip(questions, together, strict=True):
        (alone,) = classify_texts(bridge, task, [question])
        assert one.label == alone.label
        assert one.scores == pytest.approx(alone.scores, abs=1e-5)
        assert (one.text, one.tokens, one.parts) == (question.text, alone.tokens, alone.parts)
        assert np.allclose(one.layer_weights, alone.layer_weights, atol=1e-5)
        assert one.milliseconds == together[0].milliseconds


@pytest.mark.parametrize("fusion", FUSIONS)
def test_last_layer_only_is_one_hot_on_the_last_layer(make_bridge, fusion):
    bridge = make_bridge(fusion=fusion)
    found = classify_texts(bridge, NEWS, [Question(text, 0) for text in TEXTS], last_layer_only=True)
    for one in found:
        expected = np.zeros_like(one.layer_weights)
        expected[:, -1] = 1
        assert np.allclose(one.layer_weights, expected, atol=1e-6)


def test_last_layer_only_is_what_a_last_layer_bridge_with_the_same_projection_says(make_bridge):
    bridge, plain = make_bridge(fusion="transformer-softmax"), make_bridge(fusion="last-layer")
    plain.projection.load_state_dict(bridge.projection.state_dict())
    questions = [Question(text, 0) for text in TEXTS]
    forced = classify_texts(bridge, NEWS, questions, last_layer_only=True)
    for one, other in zip(forced, classify_texts(plain, NEWS, questions), strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-6)
    for one, other in zip(forced, classify_texts(bridge, NEWS, questions), strict=True):
        assert one.scores != pytest.approx(other.scores, abs=1e-4)


def test_a_text_that_the_encoder_does_not_know_costs_no_other_one(make_bridge, monkeypatch):
    bridge = make_bridge()
    encode = bridge.encoder.forward

    def forget(texts):
        encoded = encode(texts)
        for text, tokens in zip(texts, encoded.tokens, strict=True):
            if text == "runes":
                tokens[:] = [token for token in tokens if token.special]
        return encoded

    monkeypatch.setattr(bridge.encoder, "forward", forget)
    good, bad, other = classify_texts(bridge, NEWS, [Question(t, 0) for t in ("good", "runes", "news")])
    assert isinstance(good, Classification)
    assert isinstance(other, Classification)
    assert "knows none of the characters" in str(bad)


def test_nothing_of_an_answer_holds_on_to_a_graph(make_bridge):
    bridge = make_bridge()
    with torch.enable_grad():
        (found,) = classify_texts(bridge, NEWS, [Question("a", 0)])
    assert isinstance(found.layer_weights, np.ndarray)
