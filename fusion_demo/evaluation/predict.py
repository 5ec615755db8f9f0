"""Asks a bridge for the label of each text."""

from collections.abc import Sequence
from dataclasses import dataclass

from tqdm import tqdm

from fusion_demo.bridge import FusionBridge
from fusion_demo.data import Example
from fusion_demo.tasks import Task


@dataclass(frozen=True)
class Prediction:
    """The answer to one example.

    Attributes:
        label: The most likely label, as it stands in the data.
        log_likelihoods: One per label of the task, in its order, in nats.
    """

    label: str
    log_likelihoods: tuple[float, ...]


def classify_examples(
    bridge: FusionBridge, task: Task, examples: Sequence[Example], *, batch_size: int, description: str = ""
) -> list[Prediction]:
    """Return the most likely label of every example, in the order of the examples.

    Texts of like length share a batch, so that little is computed on padding.

    Args:
        bridge: What scores the label words.
        task: Its instruction, label words and labels are used.
        examples: The texts; their own labels are not looked at.
        batch_size: Texts per batch.
        description: Shown before the progress bar; there is none where stderr is no terminal.
    """
    frame = bridge.frame(task.instruction, task.bare_prompt)
    words = list(task.label_words.values())
    by_length = sorted(range(len(examples)), key=lambda index: examples[index].characters)
    predictions: dict[int, Prediction] = {}
    with tqdm(total=len(examples), desc=description, unit="text", disable=None, leave=False) as progress:
        for start in range(0, len(by_length), batch_size):
            batch = by_length[start : start + batch_size]
            scores = bridge.score_labels([examples[index].text for index in batch], words, frame)
            for index, row in zip(batch, scores.log_likelihoods.tolist(), strict=True):
                best = max(range(len(row)), key=row.__getitem__)
                predictions[index] = Prediction(task.labels[best], tuple(row))
            progress.update(len(batch))
    return [predictions[index] for index in range(len(examples))]
