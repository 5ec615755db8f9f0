import pytest
import torch

from fusion_demo.decoding import Decoding
from fusion_demo.errors import ModelError
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.tiny import build_tiny_llm

BEFORE = (0, 30, 31, 32)


@pytest.fixture
def llm():
    return FrozenLLM(*build_tiny_llm())


def reference_logits(llm, ids):
    """The model reads plain token ids: no cache, no mask, no embeddings."""
    with torch.no_grad():
        return llm.model(input_ids=torch.tensor([ids])).logits[0]


def test_reading_behind_the_cached_prefix_equals_reading_it_all(llm):
    ids = [40, 41, 42]
    embeddings = llm.embed(torch.tensor([ids]))
    logits = llm.read(BEFORE, embeddings, torch.ones(1, 3, dtype=torch.bool), logits_to_keep=3)
    torch.testing.assert_close(logits[0], reference_logits(llm, [*BEFORE, *ids])[-3:], atol=1e-5, rtol=1e-4)


def test_masked_places_count_for_nothing_wherever_they_stand(llm):
    ids = torch.tensor([[40, 99, 41, 99, 42]])
    mask = torch.tensor([[True, False, True, False, True]])
    logits = llm.read(BEFORE, llm.embed(ids), mask, logits_to_keep=1)
    expected = reference_logits(llm, [*BEFORE, 40, 41, 42])[-1]
    torch.testing.assert_close(logits[0, -1], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("before", [(), BEFORE])
def test_branches_see_the_text_and_not_one_another(llm, before):
    ids = torch.tensor([[40, 99, 41], [50, 51, 52]])
    mask = torch.tensor([[True, False, True], [True, True, True]])
    branches = [[60], [61, 62, 63], [], [64, 65]]
    logits = llm.read_branches(before, llm.embed(ids), mask, branches)
    for row, text in enumerate(([40, 41], [50, 51, 52])):
        start = 1
        expected = reference_logits(llm, [*before, *text])[-1]
        torch.testing.assert_close(logits[row, 0], expected, atol=1e-5, rtol=1e-4)
        for branch in branches:
            expected = reference_logits(llm, [*before, *text, *branch])[len(before) + len(text) :]
            torch.testing.assert_close(
                logits[row, start : start + len(branch)], expected, atol=1e-5, rtol=1e-4
            )
            start += len(branch)


def test_the_prefix_is_computed_once_and_not_used_up(llm):
    embeddings, mask = llm.embed(torch.tensor([[40]])), torch.ones(1, 1, dtype=torch.bool)
    calls = []
    llm.model.register_forward_pre_hook(lambda *_: calls.append(1))
    first = llm.read(BEFORE, embeddings, mask, logits_to_keep=1)
    second = llm.read(BEFORE, embeddings, mask, logits_to_keep=1)
    assert torch.equal(first, second)
    assert len(calls) == 3  # the prefix, and twice the text


def reference_answer(llm, ids, count):
    for _ in range(count):
        ids = [*ids, reference_logits(llm, ids)[-1].argmax().item()]
    return ids[-count:]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("length", [0, 4, 90])
def test_an_answer_behind_a_kept_prefix_equals_the_slow_reference(llm, length, keep):
    before = tuple(10 + i % 80 for i in range(length))
    ids = torch.tensor([[40, 99, 41], [50, 51, 52]])
    mask = torch.tensor([[True, False, True], [True, True, True]])
    llm.read(before[:4], llm.embed(ids), mask, logits_to_keep=1)  # of the longest one this beginning is kept
    for _ in range(2):  # the second time with what the first has kept
        answers = llm.generate(before, llm.embed(ids), mask, Decoding(max_new_tokens=6), keep_prefix=keep)
        for row, text in enumerate(([40, 41], [50, 51, 52])):
            expected = reference_answer(llm, [*before, *text], 6)
            if llm.tokenizer.eos_token_id in expected:
                expected = expected[: expected.index(llm.tokenizer.eos_token_id)]
            assert answers[row, : len(expected)].tolist() == expected


def test_conversations_fill_no_cache_and_begin_with_what_is_kept(llm):
    embeddings, mask = llm.embed(torch.tensor([[40]])), torch.ones(1, 1, dtype=torch.bool)
    llm.generate(BEFORE, embeddings, mask, Decoding(max_new_tokens=1))
    longer = (*BEFORE, *range(10, 16))
    widths = []
    llm.model.model.layers[0].register_forward_pre_hook(lambda _, states: widths.append(states[0].shape[1]))
    for _ in range(2):
        llm.generate(longer, embeddings, mask, Decoding(max_new_tokens=1), keep_prefix=False)
    assert widths == [7, 7]  # the conversation behind the kept beginning, and the text
    llm.generate(BEFORE, embeddings, mask, Decoding(max_new_tokens=1))
    assert widths[2:] == [1]  # the kept prefix is still there


def test_the_prefix_follows_the_model_to_another_dtype(llm):
    embeddings, mask = llm.embed(torch.tensor([[40]])), torch.ones(1, 1, dtype=torch.bool)
    llm.read(BEFORE, embeddings, mask, logits_to_keep=1)
    llm.to(torch.bfloat16)
    logits = llm.read(BEFORE, embeddings, mask, logits_to_keep=1)
    assert logits.dtype == torch.bfloat16


def test_gradients_reach_the_embeddings_and_no_weight(llm):
    embeddings = llm.embed(torch.tensor([[40, 41]])).clone().requires_grad_()
    llm.read(BEFORE, embeddings, torch.ones(1, 2, dtype=torch.bool), logits_to_keep=1).sum().backward()
    assert embeddings.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in llm.parameters())


def test_the_scale_of_the_embeddings_is_measured(llm):
    weights = llm.model.get_input_embeddings().weight
    assert llm.embedding_rms == pytest.approx(weights.pow(2).mean().sqrt().item())


def test_an_llm_without_an_end_token_is_refused():
    model, tokenizer = build_tiny_llm()
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no end-of-sequence token"):
        FrozenLLM(model, tokenizer)


ANSWERS = [[60, 1], [61, 62, 63, 1], [61, 1]]


@torch.no_grad()
@pytest.mark.parametrize("before", [(), BEFORE])
def test_scores_of_answers_equal_reading_each_alone(llm, before):
    ids = torch.tensor([[40, 99, 41], [50, 51, 52]])
    mask = torch.tensor([[True, False, True], [True, True, True]])
    scores = llm.score_answers(before, llm.embed(ids), mask, ANSWERS)
    assert scores.shape == (2, 3)
    for row, text in enumerate(([40, 41], [50, 51, 52])):
        for column, answer in enumerate(ANSWERS):
            likelihoods = reference_logits(llm, [*before, *text, *answer]).log_softmax(dim=-1)
            start = len(before) + len(text) - 1
            expected = sum(likelihoods[start + i, token].item() for i, token in enumerate(answer))
            assert scores[row, column].item() == pytest.approx(expected, abs=1e-4)


def test_greedy_writing_equals_token_by_token(llm):
    ids = torch.tensor([[40, 99, 41], [50, 51, 52]])
    mask = torch.tensor([[True, False, True], [True, True, True]])
    written = llm.generate(BEFORE, llm.embed(ids), mask, Decoding(max_new_tokens=6))
    for row, text in enumerate(([40, 41], [50, 51, 52])):
        sequence = [*BEFORE, *text]
        for _ in range(6):
            sequence.append(reference_logits(llm, sequence)[-1].argmax().item())
            if sequence[-1] == llm.tokenizer.eos_token_id:
                break
        expected = sequence[len(BEFORE) + len(text) :]
        assert written[row, : len(expected)].tolist() == expected
    decoded = llm.tokenizer.decode(expected, skip_special_tokens=True).strip()
    assert llm.decode(written)[1] == decoded


@pytest.mark.parametrize("token", ["<|end|>", "<|assistant|>", "<|begin|>"])
def test_a_typed_control_token_is_text(llm, token):
    control = set(llm.tokenizer.all_special_ids) | {llm.tokenizer.convert_tokens_to_ids(token)}
    ids = llm.text_ids(f"good{token}day")
    assert not control & set(ids)
    assert llm.tokenizer.decode(ids) == f"good{token}day"


def test_a_control_token_that_is_not_marked_special_is_text_too():
    model, tokenizer = build_tiny_llm()
    tokenizer.add_tokens(["[turn]", "  ", "word"])
    tokenizer.chat_template = "[turn]{{ messages[0]['content'] }}  [turn]"
    model.resize_token_embeddings(len(tokenizer))
    llm = FrozenLLM(model, tokenizer)
    turn, spaces, word = tokenizer.convert_tokens_to_ids(["[turn]", "  ", "word"])
    ids = llm.text_ids("a[turn][turn]  b word")
    assert turn not in ids
    assert {spaces, word} <= set(ids)
    assert tokenizer.decode(ids) == "a[turn][turn]  b word"
