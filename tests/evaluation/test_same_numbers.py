"""An evaluation says the same alone and in batches, with one thread and two, before and after saving."""

import dataclasses
from pathlib import Path

import pytest
import torch

from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info, save_checkpoint
from fusion_demo.data import Example
from fusion_demo.evaluation import classify_examples
from fusion_demo.frozen import FrozenModels
from fusion_demo.tasks import get_task

TASK = get_task("news")
SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints" / "news-transformer-softmax"
WORDS = ("the", "match", "කොළඹ", "වරාය", "budget", "खबर", "خبر", "wins", "film", "bank")
EXAMPLES = [
    Example(" ".join(WORDS[(i * j + i) % len(WORDS)] for j in range(1 + i % 9)), TASK.labels[i % 8])
    for i in range(33)
]
HEADLINES = [
    Example(text, "sports")
    for text in (
        "Late goal wins the cup final",
        "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි",
        "बैंक ने ब्याज दर घटाई",
        "New film opens in every cinema of the country on the first day of the holidays",
        "روپے کی قیمت میں کمی",
    )
]


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def answers(bridge, examples, *, batch_size=32, threads=1):
    torch.set_num_threads(threads)
    predictions = classify_examples(bridge, TASK, examples, batch_size=batch_size)
    return [p.label for p in predictions], torch.tensor([p.log_likelihoods for p in predictions])


def check_same(bridge, examples):
    labels, scores = answers(bridge, examples)
    assert len(scores.unique(dim=0)) > 1  # the texts are told apart
    for other in ({"batch_size": 1}, {"batch_size": 7}, {"threads": 2}, {"batch_size": 1, "threads": 2}):
        found, likelihoods = answers(bridge, examples, **other)
        assert found == labels, other
        torch.testing.assert_close(likelihoods, scores, atol=1e-4, rtol=0)
    again, bits = answers(bridge, examples)
    assert again == labels
    assert torch.equal(bits, scores)
    return scores


def check_same_when_saved(bridge, folder, examples, scores, models, target):
    info = dataclasses.replace(read_checkpoint_info(folder), folder=target)
    save_checkpoint(info, bridge.trained_state())
    _, found = answers(load_checkpoint(target, models), examples)
    assert torch.equal(found, scores)


@pytest.mark.parametrize("name", ["news-first", "news-second", "news-third"])
def test_an_evaluation_is_the_same_however_it_is_run(tiny_checkpoints, tiny_models, tmp_path, name):
    folder = tiny_checkpoints / name
    bridge = load_checkpoint(folder, tiny_models)
    scores = check_same(bridge, EXAMPLES)
    check_same_when_saved(bridge, folder, EXAMPLES, scores, tiny_models, tmp_path / "saved")


@pytest.mark.embedded
def test_an_evaluation_of_a_shipped_checkpoint_is_the_same_however_it_is_run(tmp_path):
    models = FrozenModels()
    bridge = load_checkpoint(SHIPPED, models)
    scores = check_same(bridge, HEADLINES)
    check_same_when_saved(bridge, SHIPPED, HEADLINES, scores, models, tmp_path / "saved")
