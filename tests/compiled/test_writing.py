"""`FrozenLLM.generate` with an LLM's graph against the same without."""

import pytest
import torch

from fusion_demo.decoding import Decoding
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.tiny import build_tiny_llm

from .conftest import build_packed_llm

BEFORE = (0, 30, 31, 32)


@pytest.fixture(scope="module")
def llms(packed_llm, compiled_llm):
    """The LLM as its graph writes, and as torch does."""
    tokenizer = build_tiny_llm()[1]
    graph = FrozenLLM(packed_llm, tokenizer, compile_graph=lambda: compiled_llm)
    return graph, FrozenLLM(packed_llm, tokenizer)


def write(llm, decoding, ids=(40, 41, 42), before=BEFORE, **options):
    embeddings = llm.embed(torch.tensor([ids]))
    return llm.generate(before, embeddings, torch.ones(1, len(ids), dtype=torch.bool), decoding, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 1.0, "seed": 3},
        {"temperature": 0.7, "top_p": 0.8, "seed": 4, "repetition_penalty": 1.3},
        {"no_repeat_ngram": 2, "repetition_penalty": 1.2},
        {"min_new_tokens": 12},
    ],
)
@pytest.mark.parametrize("before", [(), BEFORE])
def test_answers_are_those_of_torch(llms, options, before):
    graph, plain = llms
    decoding = Decoding(max_new_tokens=12, **options)
    answer = write(graph, decoding, before=before)
    assert answer.tolist() == write(plain, decoding, before=before).tolist()
    assert answer.dtype == torch.long


def test_masked_places_count_for_nothing(llms):
    graph, plain = llms
    embeddings = graph.embed(torch.tensor([[40, 99, 41, 99]]))
    mask = torch.tensor([[True, False, True, False]])
    decoding = Decoding(max_new_tokens=8)
    written = graph.generate(BEFORE, embeddings, mask, decoding)
    assert written.tolist() == write(plain, decoding, (40, 41)).tolist()


def test_a_conversation_begins_with_what_is_kept(llms):
    graph, plain = llms
    decoding = Decoding(max_new_tokens=8)
    write(graph, decoding)
    longer = (*BEFORE, *range(10, 16))
    widths = []
    handle = graph.model.model.layers[0].register_forward_pre_hook(
        lambda _, states: widths.append(states[0].shape[1])
    )
    written = write(graph, decoding, before=longer, keep_prefix=False)
    handle.remove()
    assert widths == []  # torch computes nothing: the rest of the prefix is read with the text
    expected = write(plain, decoding, before=longer, keep_prefix=False)
    assert written.tolist() == expected.tolist()


def test_every_token_is_handed_on(llms):
    graph, plain = llms
    steps = {}
    for name, llm in (("graph", graph), ("plain", plain)):
        steps[name] = []
        write(llm, Decoding(max_new_tokens=7), on_token=steps[name].append)
    assert steps["graph"] == steps["plain"]
    assert [written.tokens for written in steps["graph"]] == list(range(1, len(steps["graph"]) + 1))


def test_an_answer_ends_when_told_to(llms):
    graph, _ = llms
    longest = Decoding(max_new_tokens=20, min_new_tokens=20)
    asked = iter([False, False, True])
    assert write(graph, longest, stop=lambda: next(asked)).shape[1] == 3
    assert write(graph, longest, stop=lambda: True).shape[1] == 1


def test_an_answer_ends_with_its_end_token(llms):
    graph, plain = llms
    answer = write(plain, Decoding(max_new_tokens=30, temperature=3.0, seed=0))[0].tolist()
    end = answer[5]
    for llm in (graph, plain):
        llm.tokenizer.eos_token = llm.tokenizer.convert_ids_to_tokens(end)
    decoding = Decoding(max_new_tokens=30, temperature=3.0, seed=0)
    written = write(graph, decoding)[0].tolist()
    expected = write(plain, decoding)[0].tolist()
    for llm in (graph, plain):
        llm.tokenizer.eos_token = "<|end|>"
    assert written == expected
    assert written[-1] == end
    assert len(written) < 30


def test_the_graph_is_compiled_once_and_not_for_batches(packed_llm, compiled_llm):
    loads = []
    llm = FrozenLLM(packed_llm, build_tiny_llm()[1], compile_graph=lambda: loads.append(1) or compiled_llm)
    rows = llm.embed(torch.tensor([[40, 41], [50, 51]]))
    llm.generate(BEFORE, rows, torch.ones(2, 2, dtype=torch.bool), Decoding(max_new_tokens=2))
    assert loads == []
    for _ in range(2):
        write(llm, Decoding(max_new_tokens=2))
    assert loads == [1]


def test_other_number_formats_are_torchs():
    def refuse():
        raise AssertionError("the graph computes in float32")

    llm = FrozenLLM(build_packed_llm(), build_tiny_llm()[1], compile_graph=refuse).to(torch.bfloat16)
    write(llm, Decoding(max_new_tokens=2))
