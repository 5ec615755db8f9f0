"""One text through several systems: bridges, the LLM alone, the translation pipeline."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_demo.baselines import LLMAlone
from fusion_demo.checkpoint import load_checkpoint
from fusion_demo.errors import CheckpointError, ConfigError, FusionDemoError, InputError
from fusion_demo.lanes import LLM_ALONE, TRANSLATION, Lane, LaneAnswer
from fusion_demo.memory import weight_bytes
from fusion_demo.session import Session
from fusion_demo.tasks import TASKS

SINHALA = "ලංකාව ජය ගනී"
ENGLISH_LANE = [Lane(TRANSLATION)]


@pytest.fixture(scope="module")
def session(tiny_checkpoints):
    return Session(tiny_checkpoints)


@pytest.fixture(scope="module")
def nllb(tmp_path_factory):
    path = Path(__file__).parent / "baselines" / "tiny_translators.py"
    spec = importlib.util.spec_from_file_location("tiny_translators", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.save_nllb(tmp_path_factory.mktemp("nllb"))


def test_each_lane_says_what_its_system_says_alone(session, tiny_checkpoints):
    lanes = [Lane("news-second"), Lane("news-first"), Lane("news-second", last_layer_only=True)]
    second, first, forced = session.compare(SINHALA, "news", lanes)
    assert [answer.lane for answer in (second, first, forced)] == lanes
    for answer, checkpoint in ((second, "news-second"), (first, "news-first")):
        alone = session.classify(SINHALA, "news", checkpoint)
        assert (answer.label, answer.scores) == (alone.label, alone.scores)
        assert np.array_equal(answer.classification.layer_weights, alone.layer_weights)
        assert (answer.english, answer.llm_tokens, answer.truncated) == (None, 0, False)
    assert forced.classification.layer_weights[:, -1].tolist() == pytest.approx(
        [1.0] * len(forced.classification.tokens)
    )
    assert forced.scores != pytest.approx(second.scores, abs=1e-6)
    bridge = load_checkpoint(tiny_checkpoints / "news-second")
    assert second.weights == {
        "encoder": weight_bytes([bridge.encoder]),
        "LLM": weight_bytes([bridge.llm]),
        "bridge": sum(4 * value.numel() for value in bridge.trained_state().values()),
    }
    assert second.milliseconds["answer"] > 0


def test_the_llm_alone_reads_the_text_itself(session, tiny_checkpoints):
    (answer,) = session.compare(SINHALA, "news", [Lane(LLM_ALONE)])
    bridge, task = load_checkpoint(tiny_checkpoints / "news-second"), TASKS["news"]
    alone = LLMAlone(bridge.llm, prompt_form=bridge.config.prompt_form)
    expected = torch.softmax(alone.score_labels([SINHALA], task), dim=-1)[0]
    assert list(answer.scores.values()) == pytest.approx(expected.tolist(), abs=1e-6)
    assert answer.label == max(answer.scores, key=answer.scores.get)
    assert answer.llm_tokens == len(bridge.llm.text_ids(SINHALA))
    assert answer.weights == {"LLM": weight_bytes([bridge.llm])}
    assert (answer.classification, answer.english, answer.truncated) == (None, None, False)
    (long,) = session.compare("ලංකා " * 900, "news", [Lane(LLM_ALONE)])
    assert long.truncated


def test_the_translation_pipeline_shows_its_english(tiny_checkpoints, nllb):
    session = Session(tiny_checkpoints, translator=str(nllb))
    (answer,) = session.compare(SINHALA, "news", ENGLISH_LANE)
    assert answer.english
    (english,) = session.compare(answer.english, "news", [Lane(LLM_ALONE)])
    assert answer.scores == pytest.approx(english.scores, abs=1e-6)
    assert answer.llm_tokens == english.llm_tokens
    assert set(answer.milliseconds) == {"translation", "answer"}
    assert set(answer.weights) == {"translator", "LLM"}


def test_both_texts_of_a_pair_are_translated(tiny_checkpoints, nllb):
    session = Session(tiny_checkpoints, translator=str(nllb))
    lanes = [Lane("pairs"), Lane(LLM_ALONE), Lane(TRANSLATION)]
    bridge, alone, translated = session.compare(SINHALA, "xnli", lanes, SINHALA)
    for answer in (bridge, alone, translated):
        assert set(answer.scores) == set(TASKS["xnli"].labels)
        assert sum(answer.scores.values()) == pytest.approx(1)
    assert len(translated.english) == 2
    assert set(bridge.classification.parts) == {0, 1}


def test_without_a_translator_the_lane_says_how_to_get_one_and_the_others_answer(session):
    translation, alone = session.compare(SINHALA, "news", [*ENGLISH_LANE, Lane(LLM_ALONE)])
    assert isinstance(translation, ConfigError)
    assert "python app.py --translator" in str(translation)
    assert isinstance(alone, LaneAnswer)


def test_a_language_that_cannot_be_translated_is_named(tiny_checkpoints, nllb, monkeypatch):
    session = Session(tiny_checkpoints, translator=str(nllb))
    (unknown,) = session.compare("12345 67890", "news", ENGLISH_LANE)
    assert "The language of the text was not recognised" in str(unknown)

    def refuse(self, languages):
        raise ConfigError("no token")

    monkeypatch.setattr("fusion_demo.lanes.Translator.check_languages", refuse)
    (unread,) = session.compare(SINHALA, "news", ENGLISH_LANE)
    assert isinstance(unread, InputError)
    assert "does not read Sinhala. Start the page with another --translator" in str(unread)


def test_a_long_text_is_translated_in_part_and_says_so(tiny_checkpoints, nllb):
    session = Session(tiny_checkpoints, translator=str(nllb))
    (answer,) = session.compare("ලංකාව " * 200, "news", ENGLISH_LANE)
    assert answer.truncated


def test_a_lane_that_fails_costs_no_other_one(session):
    missing, found = session.compare(SINHALA, "news", [Lane("topics"), Lane("news-first")])
    assert isinstance(missing, CheckpointError)
    assert "Available: news-first, news-second, news-third" in str(missing)
    assert isinstance(found, LaneAnswer)


@pytest.mark.parametrize(
    ("text", "lanes", "message"),
    [
        ("", [Lane(LLM_ALONE)], "There is no text to read"),
        ("a", [], "Choose 1 to 4 lanes, not 0"),
        ("a", [Lane(LLM_ALONE)] * 5, "Choose 1 to 4 lanes, not 5"),
        ("a", [Lane(LLM_ALONE, last_layer_only=True)], "'llm-alone' has no layers"),
        ("a", [Lane(TRANSLATION, last_layer_only=True)], "'translation-pipeline' has no layers"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(session, text, lanes, message):
    with pytest.raises(FusionDemoError, match=message):
        session.compare(text, "news", lanes)
