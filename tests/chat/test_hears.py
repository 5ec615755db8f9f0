"""The nearest words of the vocabulary, against a slow reference."""

import pytest
import torch

import fusion_demo.chat.hears
from fusion_demo.bridge import FusionBridge
from fusion_demo.chat.hears import hear, nearest_words, vocabulary_words
from fusion_demo.config import BridgeConfig
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.pretrained.tiny import build_tiny_encoder
from fusion_demo.tokens import WORD_MARK

WORDS = ["water", "Water", "WATER", "book", "rain", "café"]


def test_whole_words_are_a_space_and_letters(word_llm, tiny_models):
    ids, words = vocabulary_words(word_llm.tokenizer)
    assert words == WORDS
    assert [word_llm.tokenizer.decode([token]) for token in ids] == [f" {word}" for word in WORDS]


def reference(llm, vector, count):
    """Compare with one word after the other."""
    cosines = {}
    for token, word in zip(*vocabulary_words(llm.tokenizer), strict=True):
        own = llm.embed(token)
        cosines[word] = float(vector @ own / (vector.norm() * own.norm()))
    ranked = sorted(cosines, key=cosines.get, reverse=True)
    distinct = [w for i, w in enumerate(ranked) if w.lower() not in {v.lower() for v in ranked[:i]}]
    return [(word, pytest.approx(cosines[word], abs=1e-5)) for word in distinct[:count]]


@pytest.mark.parametrize("count", [1, 3, 9])
@pytest.mark.parametrize("rows", [1, 4, 4096])
def test_the_nearest_words_equal_the_slow_reference(word_llm, monkeypatch, rows, count):
    monkeypatch.setattr(fusion_demo.chat.hears, "ROWS", rows)
    vectors = torch.randn(7, word_llm.width, generator=torch.Generator().manual_seed(0))
    found = nearest_words(word_llm, vectors, count)
    assert found == [reference(word_llm, vector, count) for vector in vectors]


def test_a_words_own_embedding_is_heard_as_that_word(word_llm):
    token = word_llm.tokenizer.convert_tokens_to_ids("Ġrain")
    ((best, *_),) = nearest_words(word_llm, 5 * word_llm.embed(torch.tensor([token])), 3)
    assert best == ("rain", pytest.approx(1.0))


def test_nothing_is_nearest_where_there_are_no_words(tiny_models, make_bridge):
    llm = make_bridge().llm
    assert nearest_words(llm, torch.ones(2, llm.width), 3) == [[], []]
    assert nearest_words(llm, torch.zeros(0, llm.width), 3) == []


@torch.no_grad()
@pytest.mark.parametrize("sentence_tokens", [0, 1, 3])
@pytest.mark.parametrize("unit", ["token", "word", "text"])
def test_each_soft_token_is_named_by_the_part_that_it_stands_for(word_llm, unit, sentence_tokens):
    if unit == "text" and not sentence_tokens:
        pytest.skip("such a bridge reads nothing")
    config = BridgeConfig(fusion_heads=2, soft_token_unit=unit, sentence_tokens=sentence_tokens)
    bridge = FusionBridge(config, MultilingualEncoder(*build_tiny_encoder()), word_llm).eval()
    soft = bridge.soft_tokens(["good day"])
    heard = hear(bridge, soft, 2)
    start = sentence_tokens
    assert [(part.text, part.word, part.special) for part in heard[:start]] == [("", -1, False)] * start
    shown = [(part.text, part.word) for part in heard[start:] if not part.special]
    if unit == "word":
        assert shown == [("good", 0), ("day", 1)]
    elif unit == "token":
        assert shown == [(token.text, token.word) for token in soft.tokens[0] if not token.special]
        assert "".join(text for text, _ in shown if text != WORD_MARK) == "goodday"
    else:
        assert shown == []
    assert len(heard) == int(soft.mask.sum())
    assert [list(part.nearest) for part in heard] == nearest_words(word_llm, soft.embeddings[0], 2)
