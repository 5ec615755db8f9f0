from types import SimpleNamespace

import pytest
import torch

from fusion_demo.baselines import LLMAlone, TranslationPipeline, Translator
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained import load_translator
from fusion_demo.pretrained.tiny import build_tiny_llm
from fusion_demo.tasks import get_task

TEXTS = ["ලංකාව", "ජය ගනී", "ලංකාව ජය ගනී"]


@pytest.fixture(scope="module")
def alone():
    return LLMAlone(FrozenLLM(*build_tiny_llm()))


class Shouting:
    """Stands for a translator: English is in capitals."""

    def __init__(self):
        self.batches = []

    def translate(self, texts, language, *, batch_size):
        self.batches.append((list(texts), language, batch_size))
        return [text if language == "en" else text.upper() for text in texts]


def test_both_parts_of_a_pair_are_translated_each_on_its_own(alone):
    translator = Shouting()
    pipeline = TranslationPipeline(translator, alone, batch_size=5)
    assert pipeline.prepare([("a", "b"), "c", ("d", "e")], "de") == [("A", "B"), "C", ("D", "E")]
    assert translator.batches == [(["a", "b", "c", "d", "e"], "de", 5)]


def test_english_is_read_as_it_is(alone):
    assert TranslationPipeline(Shouting(), alone).prepare([("a", "b"), "c"], "en") == [("a", "b"), "c"]


def test_the_llm_answers_what_it_would_of_the_english_alone(alone, translator_folders, monkeypatch):
    monkeypatch.setattr("fusion_demo.baselines.translator.MAX_TARGET_TOKENS", 12)
    loaded = load_translator(str(translator_folders["nllb"]))
    translator = Translator(loaded.model, loaded.tokenizer, name="nllb")
    pipeline, task = TranslationPipeline(translator, alone), get_task("news")
    english = pipeline.prepare(TEXTS, "si")
    assert english == translator.translate(TEXTS, "si")
    assert english != TEXTS
    torch.testing.assert_close(pipeline.score_labels(english, task), alone.score_labels(english, task))
    assert pipeline.generate(english, task) == alone.generate(english, task)


def test_no_texts_are_no_work(alone):
    assert TranslationPipeline(SimpleNamespace(translate=lambda *_, **__: []), alone).prepare([], "si") == []
