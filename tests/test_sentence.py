import math

import pytest
import torch

from fusion_demo.config import BridgeConfig, read_config
from fusion_demo.sentence import SentenceTokens

TEXTS = ["Good morning!", "ලංකාව", "a much longer text than the others, of several words"]
PAIR = ("It rains.", "The street is wet.")


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def slow_tokens(sentence, states):
    """What stands for one text, (K, E), written out: states (T, D) without padding."""
    scaled = (states - sentence.mean) / sentence.spread
    pooled = [(states.mean(dim=0) - sentence.mean) / sentence.spread]
    for query in sentence.queries if sentence.queries is not None else ():
        weights = torch.softmax(torch.stack([query @ state for state in scaled]), dim=0)
        summary = sum(w * state for w, state in zip(weights, states, strict=True))
        pooled.append((summary - sentence.mean) / sentence.spread)
    hidden = gelu(sentence.hidden.weight @ torch.cat(pooled) + sentence.hidden.bias)
    rows = (sentence.output.weight @ hidden + sentence.output.bias).reshape(sentence.tokens, -1)
    centred = (rows - rows.mean(dim=1, keepdim=True)) / torch.sqrt(
        rows.var(dim=1, unbiased=False, keepdim=True) + sentence.norm.eps
    )
    return centred * sentence.norm.weight + sentence.norm.bias


def make_sentence(queries=2, tokens=3):
    torch.manual_seed(0)
    sentence = SentenceTokens(8, 12, tokens=tokens, queries=queries, hidden_width=16, embedding_rms=0.1)
    sentence.standardise(3 + torch.randn(50, 8))
    return sentence.eval()


@pytest.mark.parametrize("queries", [0, 2])
@torch.no_grad()
def test_sentence_tokens_equal_the_slow_reference_whatever_the_padding(queries):
    sentence = make_sentence(queries)
    states = torch.randn(2, 5, 8)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    tokens = sentence(sentence.pool(states, mask))
    for row, length in enumerate((5, 3)):
        torch.testing.assert_close(tokens[row], slow_tokens(sentence, states[row, :length]))
    states[1, 3:] = 1e6
    torch.testing.assert_close(sentence(sentence.pool(states, mask)), tokens)


@torch.no_grad()
def test_the_first_tokens_have_the_scale_of_the_llms_embeddings_however_far_a_vector_lies():
    sentence = make_sentence()
    for size in (1, 100):
        tokens = sentence(size * torch.randn(40, 3, 8))
        assert tokens.pow(2).mean(dim=-1).sqrt().flatten().tolist() == pytest.approx([0.1] * 120, rel=1e-2)


def test_mean_and_spread_of_what_it_was_given_become_zero_and_one():
    sentence = make_sentence(queries=0)
    means = 5 + 2 * torch.randn(200, 8)
    sentence.standardise(means)
    pooled = sentence.pool(means[:, None], torch.ones(200, 1, dtype=torch.bool))[:, 0]
    torch.testing.assert_close(pooled.mean(dim=0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(pooled.std(dim=0), torch.ones(8))


def test_each_text_is_noised_at_a_level_of_its_own():
    sentence = make_sentence(queries=0)
    sentence.hidden, sentence.output, sentence.norm = (torch.nn.Identity() for _ in range(3))
    torch.manual_seed(1)
    noised = sentence(torch.full((400, 1, 24), 10.0), noise=0.5) - 10.0
    levels = noised.flatten(1).std(dim=1)
    assert levels.max() < 0.85  # 0.5, estimated from 24 numbers
    assert levels.min() < 0.05
    assert levels.mean().item() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("states", ["fused", "last-layer"])
@torch.no_grad()
def test_a_bridge_puts_them_before_the_words(make_bridge, states):
    bridge = make_bridge(
        sentence_tokens=3, sentence_states=states, sentence_queries=1, soft_token_unit="word"
    ).eval()
    soft = bridge.soft_tokens(TEXTS)
    assert soft.summaries == 3
    for row, text in enumerate(TEXTS):
        encoded = bridge.encoder([text])
        fused = bridge.fusion(encoded.layer_states, encoded.mask).fused[0]
        source = fused if states == "fused" else encoded.layer_states[0, :, -1]
        torch.testing.assert_close(
            soft.embeddings[row, :3], slow_tokens(bridge.sentence, source), atol=1e-4, rtol=1e-3
        )
    assert soft.mask[:, :3].all()


@torch.no_grad()
def test_each_text_of_a_pair_has_its_own(make_bridge):
    bridge = make_bridge(sentence_tokens=2).eval()
    soft = bridge.soft_tokens([PAIR, "alone"])
    assert soft.summaries == 4
    for place, text in enumerate(PAIR):
        alone = bridge.soft_tokens([text]).embeddings[0, :2]
        torch.testing.assert_close(soft.embeddings[0, 2 * place : 2 * place + 2], alone, atol=1e-5, rtol=1e-4)
    assert soft.mask[:, :4].tolist() == [[True] * 4, [True, True, False, False]]


def test_they_are_trained_with_the_bridge_and_saved_with_their_scale(make_bridge):
    bridge = make_bridge(sentence_tokens=2, sentence_queries=1).train()
    frame = bridge.frame("Repeat in English:", "In English: ")
    bridge(TEXTS, TEXTS, frame).backward()
    assert all(p.grad.abs().sum() > 0 for p in bridge.sentence.parameters())
    state = bridge.trained_state()
    assert {"sentence.mean", "sentence.spread", "sentence.queries"} <= set(state)


def test_one_token_of_the_mean_fused_state_is_made_by_the_projection():
    assert not BridgeConfig(sentence_tokens=1).maps_sentences
    assert not BridgeConfig().maps_sentences
    assert BridgeConfig(sentence_tokens=2).maps_sentences
    assert BridgeConfig(sentence_tokens=1, sentence_states="last-layer").maps_sentences
    assert BridgeConfig(sentence_tokens=1, sentence_queries=4).maps_sentences


def test_the_option_of_before_is_read_as_its_number():
    for old, new in ((True, 1), (False, 0)):
        assert read_config(BridgeConfig, {"sentence_token": old}, "a file").sentence_tokens == new
