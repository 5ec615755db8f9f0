from types import SimpleNamespace

import pytest
import torch

from fusion_demo.data import Example
from fusion_demo.evaluation import classify_examples
from fusion_demo.tasks.base import Task

MOOD = Task(
    name="mood",
    title="Mood",
    instruction="How does it sound?",
    bare_prompt="Mood: ",
    label_words={"pos": "good", "neg": "bad"},
    languages=("en",),
    data="Sentences of our own",
    licence="none",
    licence_id="other",
)


class CountingScorer:
    """Prefers "good" for texts with more "+" than "-"; keeps the batches it was given."""

    def __init__(self):
        self.batches = []

    def frame(self, instruction, bare_prompt):
        return (instruction, bare_prompt)

    def score_labels(self, texts, label_words, frame):
        assert frame == ("How does it sound?", "Mood: ")
        assert list(label_words) == ["good", "bad"]
        self.batches.append(texts)
        rows = [[-float(text.count("-")), -float(text.count("+"))] for text in texts]
        return SimpleNamespace(log_likelihoods=torch.tensor(rows))


TEXTS = ["+" * 9, "-", "+ and - and +", "--", "a long text that ends badly -", "+"]


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_predictions_keep_the_order_of_the_examples(batch_size):
    examples = [Example(text, "pos") for text in TEXTS]
    predictions = classify_examples(CountingScorer(), MOOD, examples, batch_size=batch_size)
    assert [prediction.label for prediction in predictions] == ["pos", "neg", "pos", "neg", "neg", "pos"]
    assert predictions[3].log_likelihoods == (-2.0, 0.0)


def test_batches_hold_texts_of_like_length():
    scorer = CountingScorer()
    classify_examples(scorer, MOOD, [Example(text, "pos") for text in TEXTS], batch_size=4)
    assert [len(batch) for batch in scorer.batches] == [4, 2]
    assert max(map(len, scorer.batches[0])) <= min(map(len, scorer.batches[1]))


def test_no_examples_give_no_predictions():
    assert classify_examples(CountingScorer(), MOOD, [], batch_size=4) == []


def test_nothing_is_printed_where_there_is_no_terminal(capsys):
    classify_examples(CountingScorer(), MOOD, [Example("+", "pos")], batch_size=4)
    assert capsys.readouterr() == ("", "")
