"""What the tab Layers asks of a session."""

import numpy as np
import pytest

from fusion_demo.errors import CheckpointError, ConfigError, InputError
from fusion_demo.layer_session import LayerSession
from fusion_demo.layer_use import mask_text, measure_layer_use
from fusion_demo.session import Session
from fusion_demo.tasks import get_task

SINHALA, URDU = "ආයුබෝවන් ලංකා", "یہ خبر ہے"


@pytest.fixture(scope="module")
def session(tiny_checkpoints):
    return Session(tiny_checkpoints)


@pytest.fixture(scope="module")
def layers(session):
    return LayerSession(session)


def test_texts_have_the_layers_that_the_command_line_measures(layers, session):
    found = layers.profiles([[SINHALA], [URDU], ["two words"]], "news-second")
    with session.bridge("news", "news-second") as bridge:
        use = measure_layer_use(bridge, [SINHALA, URDU, "two words"], batch_size=3)
    assert np.allclose([one.profile.weights for one in found], use.weights)
    assert np.allclose([one.profile.shares for one in found], use.shares)
    assert [one.language for one in found][:2] == ["si", "ur"]
    assert sum(found[0].profile.weights) == pytest.approx(1.0, abs=1e-5)
    assert sum(found[0].profile.shares) == pytest.approx(1.0, abs=1e-5)


def test_a_fusion_of_the_embedding_output_says_so(write_checkpoint, tmp_path):
    write_checkpoint(tmp_path / "embeddings", fusion="transparent-attention", task="news")
    layers = LayerSession(Session(tmp_path))
    (found,) = layers.profiles([["two words"]])
    assert found.layers[0] == 0
    assert len(found.profile.weights) == len(found.layers)
    *_, last = layers.mask(["two words"], masked=1, draws=2)
    assert len(last.summary["masked"][0]["layers"]) == 1


def test_a_bridge_of_pairs_reads_single_sentences_and_pairs(layers):
    one, pair = layers.profiles([["two words"], ["two words", "more"]], "pairs")
    assert one.text == "two words"
    assert pair.text == ("two words", "more")
    assert pair.profile.title == "two words / more"


def test_masking_tells_how_far_it_is_and_ends_with_the_summary(layers, session):
    *steps, last = layers.mask([SINHALA], "news-second", masked=1, draws=10, seed=3)
    assert all(step.summary is None for step in steps)
    assert [step.done for step in (*steps, last)] == [1, 9, 12]
    assert {step.total for step in (*steps, last)} == {12}
    with session.bridge("news", "news-second") as bridge:
        found = mask_text(bridge, get_task("news"), SINHALA, masked=1, draws=10, seed=3)
    answer = int(found.whole.argmax())
    assert last.summary["masked"][0]["change"] == pytest.approx(
        found.most_used[0, answer] - found.whole[answer], abs=1e-5
    )


def test_others_may_ask_between_two_passes(layers, session):
    steps = layers.mask(["two words"], "news-second", masked=1, draws=10)
    next(steps)
    assert session.classify("two words", "news", "news-first").label
    *_, last = steps
    assert last.summary is not None


def test_a_pair_is_masked_as_a_pair(layers):
    *_, last = layers.mask(["two words", "more"], "pairs", masked=1, draws=2)
    assert last.text == ("two words", "more")
    assert last.summary["answer"] in get_task("xnli").labels


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "Give 1 to 4 texts"),
        ([["a"]] * 5, "there are 5"),
        ([["good day"], [""]], "There is no text 2 to read"),
        ([["x" * 6_000]], "The text 1 has 6,000 characters"),
    ],
)
def test_texts_that_cannot_be_compared_are_refused(layers, texts, message):
    with pytest.raises(InputError, match=message):
        layers.profiles(texts)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"masked": 0}, "masked must be at least 1 and at most 6"),
        ({"masked": 7}, "masked must be at least 1 and at most 6"),
        ({"draws": 0}, "draws must be at least 1 and at most 10"),
        ({"draws": 11}, "draws must be at least 1 and at most 10"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"text": [""]}, "There is no text to read"),
        ({"text": ["a", "b"]}, "asks about a text"),
        ({"checkpoint": "pairs"}, "asks about two texts, premise and hypothesis"),
    ],
)
def test_a_masking_that_cannot_be_done_is_refused(layers, asked, message):
    asked = {"text": ["two words"], "checkpoint": "news-second", "masked": 1, "draws": 2} | asked
    with pytest.raises(InputError, match=message):
        list(layers.mask(asked.pop("text"), asked.pop("checkpoint"), **asked))


def test_a_checkpoint_of_one_layer_and_an_unknown_one_are_refused(layers, tmp_path):
    with pytest.raises(ConfigError, match="last-layer"):
        list(layers.mask(["a"], "news-first", masked=1, draws=1))
    with pytest.raises(CheckpointError, match="Unknown checkpoint 'news-secon'"):
        layers.profiles([["a"]], "news-secon")
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        LayerSession(Session(tmp_path)).profiles([["a"]])
