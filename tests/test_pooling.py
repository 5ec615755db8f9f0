import pytest
import torch

from fusion_demo.pooling import mean_parts, pool_words
from fusion_demo.tokens import Token

START, END = Token("<s>", -1, special=True), Token("</s>", -1, special=True)


def tokens_of(*words):
    """Tokens of a text: each number is the word of one token."""
    return [START, *(Token("a", word) for word in words), END]


def slow_pool(states, tokens):
    """Means of runs of tokens with one word, written out."""
    means, run, before = [], [], None
    for state, token in zip(states, tokens, strict=False):
        key = None if token.special else token.word
        if run and (key is None or key != before):
            means.append(sum(run) / len(run))
            run = []
        run.append(state)
        before = key
    return [*means, sum(run) / len(run)]


def test_the_pieces_of_a_word_become_one_and_special_tokens_stay():
    states = torch.tensor([[[1.0], [2.0], [4.0], [6.0], [9.0]]])
    pooled, mask = pool_words(states, [tokens_of(0, 1, 1)])
    assert pooled[0, :, 0].tolist() == [1.0, 2.0, 5.0, 9.0]
    assert mask.all()


def test_neighbouring_special_tokens_stay_apart():
    pooled, _ = pool_words(torch.tensor([[[1.0], [3.0]]]), [[START, END]])
    assert pooled[0, :, 0].tolist() == [1.0, 3.0]


def test_it_equals_the_slow_reference_and_padding_changes_nothing():
    torch.manual_seed(0)
    rows = [tokens_of(0, 0, 1, 2, 2, 2), tokens_of(0), tokens_of(0, 1, 1), []]
    states = torch.randn(len(rows), 9, 4)
    pooled, mask = pool_words(states, rows)
    for row, tokens in enumerate(rows[:3]):
        expected = torch.stack(slow_pool(states[row], tokens))
        assert int(mask[row].sum()) == len(expected)
        torch.testing.assert_close(pooled[row, : len(expected)], expected)
        alone, _ = pool_words(states[row : row + 1], [tokens])
        torch.testing.assert_close(alone[0], expected)
    assert not mask[3].any()
    assert not pooled[~mask].any()


def test_the_second_text_of_a_pair_goes_on_with_words_of_its_own():
    tokens = [*tokens_of(0), *tokens_of(1)]
    pooled, _ = pool_words(torch.arange(6.0).view(1, 6, 1), [tokens])
    assert pooled[0, :, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_means_are_of_each_part_alone():
    torch.manual_seed(1)
    states = torch.randn(2, 5, 3)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    parts = torch.tensor([[0, 0, 1, 1, 1], [0] * 5])
    means, present = mean_parts(states, mask, parts)
    torch.testing.assert_close(means[0, 0], states[0, :2].mean(dim=0))
    torch.testing.assert_close(means[0, 1], states[0, 2:].mean(dim=0))
    torch.testing.assert_close(means[1, 0], states[1, :3].mean(dim=0))
    assert present.tolist() == [[True, True], [True, False]]
    assert means[1, 1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("function", ["pool", "mean"])
def test_gradients_flow_to_every_real_token(function):
    states = torch.randn(1, 5, 3, requires_grad=True)
    if function == "pool":
        pooled, _ = pool_words(states, [tokens_of(0, 0)])
    else:
        pooled, _ = mean_parts(states, torch.tensor([[True] * 4 + [False]]), torch.zeros(1, 5, dtype=int))
    pooled.sum().backward()
    assert states.grad.abs().sum(dim=-1)[0].bool().tolist() == [True] * 4 + [False]
