import torch

from fusion_demo.tasks import get_task
from train_cli import anchors as anchors_module
from train_cli.anchors import label_embeddings, learn_anchors

TASK = get_task("news")


def frame_of(bridge):
    return bridge.frame(TASK.instruction, TASK.bare_prompt)


def loss_of(bridge, vectors):
    """The LLM's mean loss on the labels when it reads one vector of each as the text."""
    mask = torch.ones(len(vectors), 1, dtype=torch.bool)
    words = list(TASK.label_words.values())
    return bridge.answer_loss(vectors[:, None], mask, words, frame_of(bridge)).item()


def test_label_embeddings_are_the_mean_of_the_words_pieces(make_bridge):
    bridge = make_bridge()
    rows = label_embeddings(bridge, TASK)
    table = bridge.llm.model.get_input_embeddings().weight
    for row, words in zip(rows, TASK.label_words.values(), strict=True):
        ids = bridge.llm.tokenizer.encode(words, add_special_tokens=False)
        torch.testing.assert_close(row, sum(table[i] for i in ids) / len(ids))


def test_the_llm_reads_the_labels_off_the_anchors(make_bridge):
    bridge = make_bridge(sentence_tokens=1)
    learned = learn_anchors(bridge, TASK, frame_of(bridge), seed=0)
    assert learned.shape == (len(TASK.labels), bridge.llm.width)
    assert not learned.requires_grad
    shuffled = loss_of(bridge, learned.roll(1, dims=0))
    assert loss_of(bridge, learned) < shuffled - 0.05
    plain = label_embeddings(bridge, TASK)
    assert loss_of(bridge, learned) < loss_of(bridge, plain) - 0.05


def test_anchors_repeat_with_their_seed_and_leave_all_but_the_boundary_as_it_was(make_bridge, monkeypatch):
    monkeypatch.setattr(anchors_module, "UPDATES", 3)
    bridge = make_bridge(sentence_tokens=1)
    before = {name: value.clone() for name, value in bridge.state_dict().items()}
    first = learn_anchors(bridge, TASK, frame_of(bridge), seed=1)
    changed = {n for n, v in bridge.state_dict().items() if not torch.equal(v, before[n])}
    assert changed == {"projection.boundary"}
    assert all(parameter.grad is None for parameter in bridge.parameters())
    again = learn_anchors(make_bridge(sentence_tokens=1), TASK, frame_of(bridge), seed=1)
    other = learn_anchors(make_bridge(sentence_tokens=1), TASK, frame_of(bridge), seed=2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
