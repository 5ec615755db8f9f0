import itertools
import warnings
from dataclasses import replace

import pytest
import torch

from fusion_demo import decoding as decoding_module
from fusion_demo.decoding import Decoding, GumbelNoise, StopWhen
from fusion_demo.errors import InputError
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.tiny import build_tiny_llm

BEFORE = (0, 30, 31, 32)


@pytest.fixture(scope="module")
def llm():
    return FrozenLLM(*build_tiny_llm())


def write(llm, decoding, soft_ids=(40, 41, 42)):
    """Write behind embeddings of token ids, as behind soft tokens."""
    embeddings = llm.embed(torch.tensor([soft_ids]))
    mask = torch.ones(embeddings.shape[:2], dtype=torch.bool)
    return llm.generate(BEFORE, embeddings, mask, decoding)[0].tolist()


@torch.no_grad()
def reference(llm, change, length, soft_ids=(40, 41, 42)):
    """The same token by token: `change` turns the answer so far and the logits (V,) into other logits."""
    answer = []
    while len(answer) < length and answer[-1:] != [llm.tokenizer.eos_token_id]:
        ids = torch.tensor([[*BEFORE, *soft_ids, *answer]])
        answer.append(int(change(answer, llm.model(input_ids=ids).logits[0, -1]).argmax()))
    return answer


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be at least 1 and at most 512, not 0"),
        ({"max_new_tokens": 513}, "at most 512, not 513"),
        ({"min_new_tokens": -1}, "min_new_tokens must be at least 0"),
        (
            {"max_new_tokens": 4, "min_new_tokens": 5},
            "min_new_tokens must be at least 0 and at most 4, not 5",
        ),
        ({"temperature": -0.1}, "temperature must be at least 0"),
        ({"temperature": 5.1}, "at most 5, not 5.1"),
        ({"temperature": float("nan")}, "not nan"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1"),
        ({"repetition_penalty": 0.0}, "repetition penalty must be above 0"),
        ({"repetition_penalty": 6.0}, "at most 5, not 6"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram must be at least 0"),
        ({"no_repeat_ngram": 21}, "at most 20, not 21"),
        ({"seed": -1}, "seed must be at least 0 and at most 4294967295, not -1"),
        ({"seed": 2**32}, "not 4294967296"),
    ],
)
def test_values_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Decoding(**options)


def test_greedy_decoding_changes_no_logit():
    tokenizer = build_tiny_llm()[1]
    options = Decoding().generate_options(tokenizer)
    assert options["do_sample"] is False
    assert options["temperature"] is options["top_p"] is options["top_k"] is None
    assert list(options["logits_processor"]) == []
    assert options["pad_token_id"] == tokenizer.pad_token_id


def test_the_end_token_pads_where_there_is_no_padding_token():
    tokenizer = build_tiny_llm()[1]
    tokenizer.pad_token = None
    assert Decoding().generate_options(tokenizer)["pad_token_id"] == tokenizer.eos_token_id


def test_a_models_own_repetition_control_is_overridden(llm):
    plain = write(llm, Decoding(max_new_tokens=20))
    llm.model.generation_config.repetition_penalty = 3.0
    llm.model.generation_config.no_repeat_ngram_size = 1
    try:
        assert write(llm, Decoding(max_new_tokens=20)) == plain
    finally:
        llm.model.generation_config.repetition_penalty = None
        llm.model.generation_config.no_repeat_ngram_size = None


def test_no_tokens_of_the_answer_come_twice_in_the_same_order(llm):
    def pairs(ids):
        return list(itertools.pairwise(ids))

    plain = write(llm, Decoding(max_new_tokens=40))
    assert len(set(pairs(plain))) < len(pairs(plain))  # a small LLM goes round in circles
    controlled = write(llm, Decoding(max_new_tokens=40, no_repeat_ngram=2))
    assert len(set(pairs(controlled))) == len(pairs(controlled))

    def ban(answer, logits):
        banned = [second for first, second in pairs(answer) if first == answer[-1]]
        logits[banned] = -torch.inf
        return logits

    assert controlled == reference(llm, ban, 40)


def test_the_repetition_penalty_sees_the_answer_and_not_what_was_read(llm):
    def penalise(answer, logits):
        for token in set(answer):
            logits[token] = logits[token] / 1.8 if logits[token] > 0 else logits[token] * 1.8
        return logits

    answer = write(llm, Decoding(max_new_tokens=24, repetition_penalty=1.8))
    assert answer == reference(llm, penalise, 24)
    # A prompt of the very tokens that it is going to say costs them nothing.
    soft = tuple(answer[:4])
    again = write(llm, Decoding(max_new_tokens=24, repetition_penalty=1.8), soft)
    assert again == reference(llm, penalise, 24, soft)
    # With every token banned that was said once, those of the prompt may still be said.
    said = write(llm, Decoding(max_new_tokens=100, no_repeat_ngram=1), soft)
    assert len(set(said)) == len(said)
    assert set(said) & set(soft)


def test_repetition_control_behind_embeddings_warns_nobody(llm):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write(llm, Decoding(max_new_tokens=4, repetition_penalty=1.2, no_repeat_ngram=2, temperature=0.5))


def test_a_seed_repeats_the_answer_and_leaves_the_global_generator_alone(llm):
    def sample(seed):
        return write(llm, Decoding(max_new_tokens=16, temperature=1.5, top_p=0.95, seed=seed))

    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = sample(1)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(5)
    assert sample(1) == first
    assert sample(2) != first


def test_noisy_logits_are_drawn_from_their_softmax():
    logits = torch.tensor([2.0, 1.0, 0.0, -torch.inf]).expand(20_000, -1)
    drawn = GumbelNoise(0)(torch.empty(20_000, 0), logits).argmax(dim=1)
    shares = torch.bincount(drawn, minlength=4) / len(drawn)
    torch.testing.assert_close(shares, logits[0].softmax(dim=0), atol=0.015, rtol=0)
    assert shares[3] == 0


def test_a_small_nucleus_leaves_the_most_likely_token(llm):
    greedy = write(llm, Decoding(max_new_tokens=12))
    assert write(llm, Decoding(max_new_tokens=12, temperature=1.0, top_p=1e-6, seed=3)) == greedy


def test_the_end_token_is_not_chosen_before_the_shortest_length(ending):
    end = ending.tokenizer.eos_token_id
    alone = write(ending, CONTROLLED, ALONE[0])
    assert alone[-1] == end
    shortest = len(alone) + 3
    longer = write(ending, replace(CONTROLLED, min_new_tokens=shortest), ALONE[0])
    assert longer[: len(alone) - 1] == alone[:-1]
    assert end not in longer[: shortest - 1]
    assert len(longer) >= shortest


def test_stop_when_asks_every_time():
    answers = iter([False, True])
    criterion = StopWhen(lambda: next(answers))
    ids = torch.zeros(2, 3, dtype=torch.long)
    assert criterion(ids, ids).tolist() == [False, False]
    assert criterion(ids, ids).tolist() == [True, True]


SOFT_ROWS = [(40, 99, 41), (50, 51, 52), (60, 61, 62), (33, 34, 35)]
ALONE = [(40, 41), *SOFT_ROWS[1:]]
"""The same without padding."""
CONTROLLED = Decoding(max_new_tokens=40, no_repeat_ngram=2, repetition_penalty=1.3)


def write_rows(llm, decoding=CONTROLLED, **options):
    embeddings = llm.embed(torch.tensor(SOFT_ROWS))
    mask = torch.tensor([[True, False, True], *[[True] * 3] * 3])  # padding between prefix and text
    return llm.generate(BEFORE, embeddings, mask, decoding, **options)


def until_end(llm, ids):
    end = llm.tokenizer.eos_token_id
    return ids[: ids.index(end) + 1] if end in ids else ids


@pytest.fixture
def ending():
    """A tiny LLM with another end token, at which its answers to these rows end at different lengths."""
    llm = FrozenLLM(*build_tiny_llm())
    alone = [write(llm, CONTROLLED, soft) for soft in ALONE]
    ends = {token: [ids.index(token) if token in ids else 40 for ids in alone] for token in set(alone[0])}
    end = max(sorted(ends), key=lambda token: len(set(ends[token])))
    assert len(set(ends[end])) > 2
    llm.tokenizer.eos_token = llm.tokenizer.convert_ids_to_tokens(end)
    assert llm.tokenizer.eos_token_id == end
    return llm


@pytest.mark.parametrize("round_tokens", [1, 3, 16, 64])
def test_rows_of_a_batch_are_written_as_each_alone(ending, monkeypatch, round_tokens):
    monkeypatch.setattr(decoding_module, "ROUND_TOKENS", round_tokens)
    together = write_rows(ending).tolist()
    for row, soft in zip(together, ALONE, strict=True):
        alone = write(ending, CONTROLLED, soft)
        assert until_end(ending, row) == alone
        assert set(row[len(alone) :]) <= {ending.tokenizer.pad_token_id}


def test_rows_that_have_ended_are_computed_no_more(ending, monkeypatch):
    monkeypatch.setattr(decoding_module, "ROUND_TOKENS", 3)
    heights = []
    handle = ending.model.model.layers[0].register_forward_pre_hook(
        lambda _, states: heights.append(states[0].shape[0])
    )
    lengths = [len(until_end(ending, row)) for row in write_rows(ending).tolist()]
    handle.remove()
    decoded = heights[-max(lengths) :]  # before these, the prefix
    assert decoded == [sum(length > step - step % 3 for length in lengths) for step in range(max(lengths))]
    assert decoded[-1] < decoded[0]


def test_a_batch_stops_when_told_to(llm, monkeypatch):
    monkeypatch.setattr(decoding_module, "ROUND_TOKENS", 2)
    asked = iter([False] * 6)
    assert write_rows(llm, stop=lambda: next(asked, True)).shape[1] < 40
    assert write_rows(llm, stop=lambda: True).shape[1] == 1
