"""How a training is judged while it runs: a bridge on dev examples, and one score to compare by."""

from typing import Any

import torch

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge
from fusion_demo.data import Example
from fusion_demo.evaluation import classify_examples, score_language
from fusion_demo.tasks import Task

EVALUATION_BATCH = 32


def evaluate_dev(
    bridge: FusionBridge, task: Task, dev: dict[str, list[Example]]
) -> tuple[tuple[float, float], dict[str, Any]]:
    """Measure a bridge on dev examples.

    Returns:
        The score to compare by: mean accuracy over languages, then mean log-likelihood of the
        right label among all labels; and the results by language.
    """
    languages, likelihoods = {}, []
    for code, examples in dev.items():
        predictions = classify_examples(bridge, task, examples, batch_size=EVALUATION_BATCH)
        languages[code] = score_language([e.label for e in examples], [p.label for p in predictions])
        for example, prediction in zip(examples, predictions, strict=True):
            scores = torch.tensor(prediction.log_likelihoods).log_softmax(dim=0)
            likelihoods.append(scores[task.labels.index(example.label)].item())
        languages[code]["log_likelihood"] = sum(likelihoods[-len(examples) :]) / len(examples)
    accuracy = sum(row["accuracy"] for row in languages.values()) / len(languages)
    return (accuracy, sum(likelihoods) / len(likelihoods)), languages


@torch.no_grad()
def measure_answers(
    bridge: FusionBridge, task: Task, dev: dict[str, list[Example]]
) -> tuple[tuple[float, float], dict[str, Any]]:
    """Measure how likely the LLM finds the right free answers of dev examples.

    Returns:
        The score to compare by, minus the mean loss over languages, twice; and by language `loss`, in nats
        an answer token, the end token included, and `n`, examples.
    """
    frame = bridge.frame(task.instruction, task.bare_prompt)
    languages = {}
    for code, examples in dev.items():
        texts = [example.text for example in examples]
        answers = [task.answer(example.label) for example in examples]
        lengths = [len(frame.answer_ids(bridge.llm.tokenizer, answer)) for answer in answers]
        total = 0.0
        for batch in batches_by_length(texts, EVALUATION_BATCH):
            read, said = [texts[i] for i in batch], [answers[i] for i in batch]
            loss = bridge(read, said, frame, taught_by=read if task.taught else None)
            total += loss.item() * sum(lengths[i] for i in batch)
        languages[code] = {"loss": total / sum(lengths), "n": len(examples)}
    loss = sum(row["loss"] for row in languages.values()) / len(languages)
    return (-loss, -loss), languages


def shown_result(row: dict[str, Any]) -> str:
    """Return a language's result for a line. Example: "61.5 %"."""
    return f"{row['loss']:.3f} nats" if "loss" in row else f"{100 * row['accuracy']:.1f} %"
