import pytest
import torch

from fusion_demo.distillation import distillation_loss, teacher_logits
from fusion_demo.padding import pad
from fusion_demo.soft_tokens import Disturbance

TEXTS = ["good day", "a much longer text than the other two", "x"]
ANSWERS = ["sports", "science and technology", "a"]
FORMS = ("chat", "bare")


@torch.no_grad()
def reference_logits(llm, text, ids, frame):
    """The logits of one answer's tokens where the LLM reads the text itself, without cache or padding."""
    before = [*frame.before, *llm.text_ids(text), *frame.text_end, *frame.after]
    logits = llm.model(input_ids=torch.tensor([[*before, *ids]])).logits[0]
    return logits[len(before) - 1 : -1]


@pytest.mark.parametrize("form", FORMS)
def test_the_teacher_reads_the_texts_as_its_own_tokens(make_bridge, form):
    bridge = make_bridge(prompt_form=form)
    llm, frame = bridge.llm, bridge.frame("", "Answer: ")
    ids = [frame.answer_ids(llm.tokenizer, answer) for answer in ANSWERS]
    logits = teacher_logits(llm, TEXTS, pad(ids, torch.device("cpu")), frame)
    for row, text in enumerate(TEXTS):
        expected = reference_logits(llm, text, ids[row], frame)
        torch.testing.assert_close(logits[row, : len(ids[row])], expected, atol=1e-4, rtol=1e-4)


def test_control_tokens_of_a_text_stay_text(make_bridge):
    bridge = make_bridge()
    frame = bridge.frame("", "")
    targets = pad([[5]], torch.device("cpu"))
    end = bridge.llm.tokenizer.eos_token
    expected = reference_logits(bridge.llm, f"a{end}b", [5], frame)
    torch.testing.assert_close(
        teacher_logits(bridge.llm, [f"a{end}b"], targets, frame)[0], expected, atol=1e-4, rtol=1e-4
    )


def test_the_loss_is_the_mean_divergence_over_real_tokens():
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 3, 7), torch.randn(2, 3, 7)
    real = torch.tensor([[True, True, False], [True, False, False]])
    total = 0.0
    for row, column in ((0, 0), (0, 1), (1, 0)):
        p, q = teacher[row, column].softmax(-1), student[row, column].softmax(-1)
        total += sum(a * (a / b).log() for a, b in zip(p, q, strict=True)).item()
    assert distillation_loss(student, teacher, real).item() == pytest.approx(total / 3, abs=1e-6)
    assert distillation_loss(teacher, teacher, real).item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_taught_bridge_learns_from_the_llm_and_not_from_the_answers(make_bridge, form):
    bridge = make_bridge(prompt_form=form, sentence_tokens=1)
    frame = bridge.frame("", "Answer: ")
    loss = bridge(TEXTS, ANSWERS, frame, taught_by=TEXTS)
    total, count = 0.0, 0
    for text, answer in zip(TEXTS, ANSWERS, strict=True):
        ids = frame.answer_ids(bridge.llm.tokenizer, answer)
        soft = bridge.soft_tokens([text])
        embed = bridge.llm.embed
        sequence = [
            embed(torch.tensor([frame.before], dtype=torch.long)),
            soft.embeddings,
            bridge.projection.boundary[None, None],
            embed(torch.tensor([[*frame.after, *ids]])),
        ]
        student = bridge.llm.model(inputs_embeds=torch.cat(sequence, dim=1)).logits[0, -len(ids) - 1 : -1]
        teacher = reference_logits(bridge.llm, text, ids, frame)
        p = teacher.softmax(-1)
        total += (p * (p.log() - student.log_softmax(-1))).sum().item()
        count += len(ids)
    assert loss.item() == pytest.approx(total / count, abs=1e-4)
    loss.backward()
    assert bridge.projection.linear.weight.grad.abs().sum() > 0


def test_the_students_tokens_can_be_disturbed(make_bridge):
    bridge = make_bridge(sentence_tokens=1)
    frame = bridge.frame("", "")
    plain = bridge(TEXTS, ANSWERS, frame, taught_by=TEXTS)
    assert bridge(TEXTS, ANSWERS, frame, taught_by=TEXTS, disturbance=Disturbance(noise=0.5)) != plain
