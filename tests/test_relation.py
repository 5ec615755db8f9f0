import math

import pytest
import torch

from fusion_demo.errors import InputError
from fusion_demo.relation import AttentiveRelationToken, RelationToken

PAIRS = [
    ("good day", "it rains"),
    ("ලංකා", "a much longer second text than the others"),
    ("a b c d e f g", "x"),
]
LABELS = ["sports", "arts", "science and technology"]


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def slow_relation(relation, u, v):
    def norm(x):
        centred = (x - x.mean()) / torch.sqrt(x.var(unbiased=False) + relation.norm.eps)
        return centred * relation.norm.weight + relation.norm.bias

    u, v = norm(u), norm(v)
    features = torch.cat([u, v, (u - v).abs(), u * v])
    hidden = gelu(relation.hidden.weight @ features + relation.hidden.bias)
    return relation.output.weight @ hidden + relation.output.bias


def frame_of(bridge):
    return bridge.frame("How do they relate?", "Label: ")


def sequence_of(bridge, pair, frame):
    """What the LLM reads of one pair, put together by hand: (1, S, E)."""
    fused = []
    for text in pair:
        encoded = bridge.encoder([text])
        fused.append(bridge.fusion(encoded.layer_states, encoded.mask).fused[0])
    means = [states.mean(dim=0) for states in fused]
    parts = [
        bridge.llm.embed(torch.tensor(frame.before, dtype=torch.long)),
        slow_relation(bridge.relation, *means)[None],
        bridge.projection(torch.stack(means)),
        bridge.projection(torch.cat(fused)),
        bridge.projection.boundary[None],
        bridge.llm.embed(torch.tensor(frame.after, dtype=torch.long)),
    ]
    return torch.cat(parts)[None]


def some_pairs():
    """States of two pairs, (2, 6, 8), the second one shorter; their mask and parts."""
    states = torch.randn(2, 6, 8)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    return states, mask, torch.tensor([[0, 0, 0, 0, 1, 1], [0, 1, 1, 1, 0, 0]])


@torch.no_grad()
def test_the_relation_token_equals_the_slow_reference():
    torch.manual_seed(0)
    relation = RelationToken(8, 12, embedding_rms=0.1).eval()
    for parameter in relation.parameters():
        parameter.normal_(std=0.3)
    states, mask, parts = some_pairs()
    expected = [
        slow_relation(
            relation,
            states[row, mask[row] & (parts[row] == 0)].mean(dim=0),
            states[row, mask[row] & (parts[row] == 1)].mean(dim=0),
        )
        for row in range(2)
    ]
    torch.testing.assert_close(relation(states, mask, parts), torch.stack(expected))


def slow_attentive(relation, first, second):
    """One pair's token, written out: the states (T, D) of each text."""

    def normalised(row):
        return torch.nn.functional.layer_norm(row, row.shape, relation.norm.weight, relation.norm.bias)

    texts = [[normalised(row) for row in text] for text in (first, second)]
    pooled = []
    for own, other in (texts, texts[::-1]):
        compared = []
        for row in own:
            cosines = torch.stack(
                [torch.cosine_similarity(relation.attend(row), relation.attend(o), dim=0) for o in other]
            )
            weights = torch.softmax(relation.temperature.exp() * cosines, dim=0)
            value = relation.value(row)
            heard = sum(w * relation.value(o) for w, o in zip(weights, other, strict=True))
            features = torch.cat([value, heard, (value - heard).abs(), value * heard])
            compared.append(gelu(relation.compare(features)))
        pooled += [torch.stack(compared).mean(dim=0), torch.stack(compared).amax(dim=0)]
    return relation.output(gelu(relation.hidden(torch.cat(pooled))))


@torch.no_grad()
def test_texts_that_meet_by_attention_equal_the_slow_reference_whatever_the_padding():
    torch.manual_seed(0)
    relation = AttentiveRelationToken(8, 12, embedding_rms=0.1).eval()
    states, mask, parts = some_pairs()
    expected = [
        slow_attentive(
            relation, states[row, mask[row] & (parts[row] == 0)], states[row, mask[row] & (parts[row] == 1)]
        )
        for row in range(2)
    ]
    found = relation(states, mask, parts)
    torch.testing.assert_close(found, torch.stack(expected))
    states[1, 4:] = 1e4
    torch.testing.assert_close(relation(states, mask, parts), found)


@torch.no_grad()
def test_the_first_relation_tokens_have_the_scale_of_the_embeddings():
    torch.manual_seed(0)
    relation = RelationToken(384, 576, embedding_rms=0.1).eval()
    parts = torch.tensor([[0, 1]]).expand(200, -1)
    tokens = relation(torch.randn(200, 2, 384), torch.ones_like(parts, dtype=torch.bool), parts)
    assert 0.05 < tokens.pow(2).mean().sqrt().item() < 0.2


@torch.no_grad()
def test_label_scores_of_pairs_equal_the_slow_reference_in_any_batch(make_bridge):
    bridge = make_bridge(sentence_tokens=1, relation_token=True).eval()
    frame = frame_of(bridge)
    scores = bridge.score_labels(PAIRS, LABELS, frame).log_likelihoods
    for row, pair in enumerate(PAIRS):
        for k, label in enumerate(LABELS):
            sequence, total = sequence_of(bridge, pair, frame), 0.0
            for token in frame.answer_ids(bridge.llm.tokenizer, label):
                logits = bridge.llm.model(inputs_embeds=sequence).logits[0, -1]
                total += torch.log_softmax(logits, dim=-1)[token].item()
                sequence = torch.cat([sequence, bridge.llm.embed(torch.tensor([[token]]))], dim=1)
            assert scores[row, k].item() == pytest.approx(total, abs=1e-3)
    turned = bridge.score_labels(PAIRS[::-1], LABELS, frame).log_likelihoods
    torch.testing.assert_close(turned.flip(0), scores, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_pairs_and_single_texts_may_share_a_batch(make_bridge):
    bridge = make_bridge(sentence_tokens=1).eval()
    frame = frame_of(bridge)
    mixed = bridge.score_labels([PAIRS[1], "one text alone"], LABELS, frame).log_likelihoods
    for row, text in enumerate([PAIRS[1], "one text alone"]):
        alone = bridge.score_labels([text], LABELS, frame).log_likelihoods
        torch.testing.assert_close(mixed[row], alone[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("states", ["means", "attention"])
def test_the_relation_is_trained_with_the_bridge(make_bridge, states):
    bridge = make_bridge(relation_token=True, relation_states=states).train()
    bridge(PAIRS, LABELS, frame_of(bridge)).backward()
    assert all(
        p.grad.abs().sum() > 0 for n, p in bridge.relation.named_parameters() if not n.endswith("bias")
    )
    assert {n for n in bridge.trained_state() if n.startswith("relation.")} == {
        f"relation.{n}" for n, _ in bridge.relation.named_parameters()
    }


def test_a_single_text_is_refused_where_pairs_are_read(make_bridge):
    bridge = make_bridge(relation_token=True)
    for texts in (["alone"], [PAIRS[0], "alone"]):
        with pytest.raises(InputError, match="reads pairs of texts"):
            bridge.score_labels(texts, LABELS, frame_of(bridge))
