import math

import pytest
import torch

from fusion_demo.config import FUSION_NAMES, TrainConfig
from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.pooling import pool_words
from fusion_demo.tasks import get_training_task
from fusion_demo.tokens import Token
from train_cli import lexical as module
from train_cli.lexical import LexicalWarmStart, word_embedding, words_of

TASK = get_training_task("echo")
WORDS = ("rain", "sun", "wind", "snow", "hail", "fog")
EXAMPLES = [
    Example(text, text, i)
    for i, text in enumerate(f"{a} and {b}, then {c}." for a in WORDS for b in WORDS for c in WORDS[:2])
]


def start(bridge, folder, examples=EXAMPLES, **options):
    config = TrainConfig(**{"warm_start_epochs": 1, "warm_start_learning_rate": 0.02} | options)
    frame = bridge.frame(TASK.instruction, TASK.bare_prompt)
    return LexicalWarmStart(bridge, TASK, frame, config, examples, folder, say=lambda _: None)


def token(text, word):
    return Token(text, word, special=word < 0)


def test_words_lose_their_outer_punctuation_and_keep_their_place():
    tokens = [
        token("<s>", -1),
        token("“It", 0),
        token("'s", 0),
        token("—", 1),
        token("wet", 2),
        token(".”", 2),
    ]
    assert words_of([*tokens, token("</s>", -1)]) == {1: "It's", 3: "wet"}


def test_vowel_signs_belong_to_their_word():
    assert words_of([token("ශ්‍රී", 0), token("ලංකාව", 1), token(".", 1)]) == {0: "ශ්‍රී", 1: "ලංකාව"}


def test_places_are_those_of_the_pooled_words(make_bridge):
    bridge = make_bridge()
    text = "Rain, then 'sun' - and more: rain!"
    encoded = bridge.encoder([text])
    pooled, mask = pool_words(encoded.layer_states[:, :, -1], encoded.tokens)
    found = words_of(encoded.tokens[0])
    assert list(found.values()) == ["Rain", "then", "sun", "and", "more", "rain"]
    assert max(found) < int(mask.sum()) == pooled.shape[1]


def test_a_words_vector_is_the_mean_of_the_llms_pieces_of_it(make_bridge):
    llm = make_bridge().llm
    ids = llm.tokenizer.encode(" rain", add_special_tokens=False)
    expected = sum(llm.model.get_input_embeddings().weight[i] for i in ids) / len(ids)
    torch.testing.assert_close(word_embedding(llm, "rain"), expected)


@torch.no_grad()
def test_the_loss_equals_the_slow_reference(make_bridge, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "NEGATIVES", 5)
    bridge = make_bridge().eval()
    warm_start = start(bridge, tmp_path)
    warm_start._aim()
    examples = [Example("rain and sun", "", 0), Example("sun!", "", 1)]
    torch.manual_seed(7)
    loss, right, count = warm_start._loss(examples)
    torch.manual_seed(7)
    size = bridge.llm.model.get_input_embeddings().num_embeddings
    drawn = bridge.llm.embed(torch.randint(size, (5,)))
    candidates = [*(word_embedding(bridge.llm, word) for word in ("and", "rain", "sun")), *drawn]
    total, rms, hits = 0.0, 0.0, 0
    for text, golds in (("rain and sun", (1, 0, 2)), ("sun!", (2,))):
        encoded, _, fusion = bridge.fuse([text])
        for word, gold in enumerate(golds):
            pieces = [i for i, t in enumerate(encoded.tokens[0]) if t.word == word]
            vector = bridge.projection(sum(fusion.fused[0, i] for i in pieces) / len(pieces))
            scores = torch.stack(
                [torch.dot(vector, c) / (vector.norm() * c.norm()) / 0.07 for c in candidates]
            )
            total -= math.log(torch.softmax(scores, dim=0)[gold].item())
            hits += int(scores.argmax() == gold)
            rms += (vector.pow(2).mean().sqrt() / bridge.llm.embedding_rms - 1).item() ** 2
    assert count == 4
    assert right == hits
    assert loss.item() == pytest.approx(total / 4 + 0.1 * rms / 4, rel=1e-4)


@pytest.mark.parametrize("fusion", FUSION_NAMES)
def test_words_learn_to_look_like_the_llms_own(make_bridge, tmp_path, fusion):
    bridge = make_bridge(fusion=fusion)
    frozen = {n: p.clone() for n, p in bridge.named_parameters() if not p.requires_grad}
    lines = []
    warm_start = start(bridge, tmp_path, warm_start_epochs=20)
    warm_start.say = lines.append
    warm_start.run(resume=False)
    with torch.no_grad():
        _, right, count = warm_start._loss(EXAMPLES[:20])
    assert right > 0.6 * count
    assert lines[-1].endswith("words right")
    assert all(torch.equal(p, frozen[n]) for n, p in bridge.named_parameters() if n in frozen)


def test_punctuation_alone_teaches_nothing_and_breaks_nothing(make_bridge, tmp_path):
    bridge = make_bridge()
    before = bridge.trained_state()["projection.linear.weight"].clone()
    start(bridge, tmp_path, [Example("!!", "!!", 0)] * 3, weight_decay=0.0).run(resume=False)
    assert torch.equal(bridge.trained_state()["projection.linear.weight"], before)


def test_a_bridge_for_pairs_is_refused(make_bridge, tmp_path):
    with pytest.raises(ConfigError, match="Leave out --relation-token"):
        start(make_bridge(relation_token=True, sentence_tokens=1), tmp_path)
