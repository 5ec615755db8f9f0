"""The text itself behind the soft tokens: what the LLM reads, against slow references."""

import pytest
import torch

from fusion_demo.decoding import Decoding
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.tiny import build_tiny_llm
from fusion_demo.streaming import HALF_CHARACTER
from fusion_demo.text_prompt import read_text_prompt

TEXTS = ["good day", "ලංකා", "a much longer text than the other two", "x", ""]
PAIRS = [("it rains", "it is dry"), ("x", "a much longer text than the others")]
LABELS = ["sports", "arts", "science and technology", "a"]
FORMS = ("chat", "bare")

each_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module")
def llm():
    return FrozenLLM(*build_tiny_llm())


def frame_of(bridge, bare_prompt="Category: "):
    return bridge.frame("Which topic?", bare_prompt)


@torch.no_grad()
def sequence_of(bridge, text, frame):
    """What the LLM reads of one text, put together by hand: (1, S, E)."""
    encoded = bridge.encoder([text])
    fused = bridge.fusion(encoded.layer_states, encoded.mask).fused
    tokenizer = bridge.llm.tokenizer
    plain = text if isinstance(text, str) else "\n".join(text)
    if bridge.config.prompt_form == "bare":
        plain += "\n"
    ids = tokenizer.encode(plain, add_special_tokens=False, split_special_tokens=True)
    embed = bridge.llm.model.get_input_embeddings()
    parts = [
        embed(torch.tensor([frame.before], dtype=torch.long)),
        bridge.projection(fused),
        bridge.projection.boundary[None, None],
        embed(torch.tensor([[*ids, *frame.after]], dtype=torch.long)),
    ]
    return torch.cat(parts, dim=1)


@torch.no_grad()
def reference_log_likelihood(bridge, text, answer, frame):
    """One text and one answer, token by token, without cache, mask or padding."""
    sequence = sequence_of(bridge, text, frame)
    total = 0.0
    for token in frame.answer_ids(bridge.llm.tokenizer, answer):
        logits = bridge.llm.model(inputs_embeds=sequence).logits[0, -1]
        total += torch.log_softmax(logits, dim=-1)[token].item()
        sequence = torch.cat([sequence, bridge.llm.embed(torch.tensor([[token]]))], dim=1)
    return total


@each_form
@pytest.mark.parametrize("texts", [TEXTS, PAIRS], ids=["texts", "pairs"])
def test_label_scores_equal_the_slow_reference_in_a_batch(make_bridge, form, texts):
    bridge = make_bridge(prompt_form=form, text_prompt="augment")
    frame = frame_of(bridge)
    scores = bridge.score_labels(texts, LABELS, frame)
    for row, text in enumerate(texts):
        for column, label in enumerate(LABELS):
            expected = reference_log_likelihood(bridge, text, label, frame)
            assert scores.log_likelihoods[row, column].item() == pytest.approx(expected, abs=1e-4)


@each_form
def test_the_loss_equals_the_slow_reference(make_bridge, form):
    bridge = make_bridge(prompt_form=form, text_prompt="augment")
    frame, texts = frame_of(bridge), TEXTS[:4]
    likelihoods = [reference_log_likelihood(bridge, t, a, frame) for t, a in zip(texts, LABELS, strict=True)]
    tokens = sum(len(frame.answer_ids(bridge.llm.tokenizer, answer)) for answer in LABELS)
    assert bridge(texts, LABELS, frame).item() == pytest.approx(-sum(likelihoods) / tokens, abs=1e-4)


@each_form
@torch.no_grad()
def test_greedy_and_streamed_answers_equal_the_slow_reference_in_any_batch(make_bridge, form):
    bridge = make_bridge(prompt_form=form, text_prompt="augment")
    frame, decoding = frame_of(bridge), Decoding(max_new_tokens=8)
    answers = bridge.generate(TEXTS, frame, decoding)
    for text, answer in zip(TEXTS, answers, strict=True):
        sequence, ids = sequence_of(bridge, text, frame), []
        for _ in range(8):
            ids.append(bridge.llm.model(inputs_embeds=sequence).logits[0, -1].argmax().item())
            sequence = torch.cat([sequence, bridge.llm.embed(torch.tensor([[ids[-1]]]))], dim=1)
            if ids[-1] == bridge.llm.tokenizer.eos_token_id:
                break
        assert answer == bridge.llm.tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert bridge.generate(TEXTS[::-1], frame, decoding) == answers[::-1]
    parts = []
    bridge.write(bridge.soft_tokens(TEXTS[:1]), frame, decoding, on_token=parts.append)
    assert parts[-1].text == answers[0].rstrip(HALF_CHARACTER)


@pytest.mark.parametrize("bare_prompt", ["Category: ", ""])
def test_a_short_text_is_read_the_same_beside_a_long_one(make_bridge, bare_prompt):
    bridge = make_bridge(prompt_form="bare", text_prompt="augment")
    frame = frame_of(bridge, bare_prompt)
    together = bridge.score_labels(["", "a much longer text"], LABELS, frame).log_likelihoods
    alone = bridge.score_labels([""], LABELS, frame).log_likelihoods
    torch.testing.assert_close(together[:1], alone, atol=1e-4, rtol=0)


def test_without_the_option_the_llm_reads_soft_tokens_alone(make_bridge):
    plain, augmented = make_bridge(), make_bridge(text_prompt="augment")
    frame = frame_of(plain)
    assert plain.soft_tokens(TEXTS).prompt is None
    scores = [bridge.score_labels(TEXTS, LABELS, frame).log_likelihoods for bridge in (plain, augmented)]
    assert not torch.allclose(*scores, atol=1e-3)
    assert set(plain.trained_state()) == set(augmented.trained_state())


@pytest.mark.parametrize("control", ["<|end|>", "<|assistant|>", "<|begin|>"])
def test_a_typed_control_token_is_read_as_text(make_bridge, control):
    bridge = make_bridge(text_prompt="augment")
    tokenizer = bridge.llm.tokenizer
    text = f"rain{control}sports"
    (ids,) = bridge.soft_tokens([text]).prompt.ids
    assert tokenizer.convert_tokens_to_ids(control) not in ids
    assert tokenizer.decode(ids) == text


def test_long_texts_are_cut_and_it_is_said(llm):
    prompt = read_text_prompt(llm, ["good day", "good"], 4)
    assert [llm.tokenizer.decode(ids) for ids in prompt.ids] == ["good", "good"]
    assert prompt.truncated == [True, False]


@pytest.mark.parametrize(
    ("pair", "room", "kept"),
    [
        (("abcdef", "uvwxyz"), 12, "abcdef\nuvwxyz"),
        (("abcdef", "uvwxyz"), 6, "abc\nuvw"),
        (("abcdef", "uv"), 6, "abcd\nuv"),
        (("ab", "uvwxyz"), 6, "ab\nuvwx"),
    ],
)
def test_the_texts_of_a_pair_share_the_room(llm, pair, room, kept):
    prompt = read_text_prompt(llm, [pair], room)
    assert llm.tokenizer.decode(prompt.ids[0]) == kept
    assert prompt.truncated == [len(kept) < 13]
