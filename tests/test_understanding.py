from dataclasses import replace

import pytest
import torch

from fusion_demo.streaming import HALF_CHARACTER
from fusion_demo.tasks import get_training_task
from fusion_demo.understanding import TEMPERATURE, TOP_P, sentence_vectors, understand

TEXTS = ["ගඟ ළඟ ගෙයක්", "a house by the river"]


@pytest.fixture
def bridge(make_bridge):
    return make_bridge(sentence_tokens=2, soft_token_unit="word").eval()


@torch.no_grad()
def test_a_sentence_vector_is_the_mean_of_the_last_layer_of_length_one(bridge):
    vectors = sentence_vectors(bridge.encoder, TEXTS)
    for row, text in enumerate(TEXTS):
        mean = bridge.encoder([text]).layer_states[0, :, -1].mean(dim=0)
        torch.testing.assert_close(vectors[row], mean / mean.norm(), atol=1e-5, rtol=1e-4)


def echoes_of(bridge, number):
    """All echoes that are to choose from, made as `understand` says it makes them: (texts, echoes)."""
    task = get_training_task("echo")
    frame = bridge.frame(task.instruction, task.bare_prompt)
    soft = bridge.soft_tokens(TEXTS)
    longest = 2 * max(len(row) for row in soft.tokens) + 8
    greedy = replace(task.decoding(frame, bridge.llm.tokenizer), max_new_tokens=min(96, longest))
    rows = [[echo] for echo in bridge.write(soft, frame, greedy)]
    sampled = replace(greedy, temperature=TEMPERATURE, top_p=TOP_P, seed=3)
    repeated = soft.repeated(number - 1)
    mask = repeated.mask.clone()
    for row in range(len(mask)):
        if row % (number - 1) >= (number - 1) // 2:
            mask[row, 2:] = False  # the two sentence tokens alone
    more = bridge.write(replace(repeated, mask=mask), frame, sampled)
    return [[first, *more[i * (number - 1) :][: number - 1]] for i, (first,) in enumerate(rows)]


@torch.no_grad()
def test_the_echo_whose_vector_is_nearest_is_kept(bridge):
    found = understand(bridge, TEXTS, candidates=6, seed=3)
    wanted = sentence_vectors(bridge.encoder, TEXTS)
    for text, echoes, best in zip(wanted, echoes_of(bridge, 6), found, strict=True):
        assert len(set(echoes)) > 1
        near = [(sentence_vectors(bridge.encoder, [echo])[0] @ text).item() for echo in echoes]
        assert best.similarity == pytest.approx(max(near), abs=1e-5)
        assert best.text in [e for e, n in zip(echoes, near, strict=True) if n > max(near) - 1e-5]


def test_more_candidates_are_never_further_away(bridge):
    one, eight = (understand(bridge, TEXTS, candidates=n) for n in (1, 8))
    assert all(b.similarity >= a.similarity - 1e-6 for a, b in zip(one, eight, strict=True))


def test_the_same_seed_understands_the_same(bridge):
    assert understand(bridge, TEXTS, candidates=4) == understand(bridge, TEXTS, candidates=4)


def test_a_stop_leaves_what_there_is(bridge):
    written = []
    stopped = understand(
        bridge, TEXTS[:1], candidates=4, on_token=written.append, stop=lambda: len(written) >= 2
    )
    assert 2 <= len(written) <= 3  # a token more, of a model that streams behind the check
    assert stopped[0].text.rstrip(HALF_CHARACTER) == written[-1].text


def test_repeated_soft_tokens_stand_one_after_the_other(make_bridge):
    bridge = make_bridge(text_prompt="augment").eval()
    soft = bridge.soft_tokens(TEXTS)
    twice = soft.repeated(2)
    assert torch.equal(twice.embeddings[1], twice.embeddings[0])
    assert torch.equal(twice.embeddings[::2], soft.embeddings)
    assert torch.equal(twice.mask[1::2], soft.mask)
    assert twice.prompt.ids == [soft.prompt.ids[i] for i in (0, 0, 1, 1)]
