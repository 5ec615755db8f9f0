"""A task's answer to a text or a pair of texts, and what it was made from: one text, or a batch of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fusion_demo.bridge import FusionBridge
from fusion_demo.detection import detect_language
from fusion_demo.errors import InputError
from fusion_demo.input_text import check_known, readable_text
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text, Token


@dataclass(frozen=True)
class Question:
    """What is asked about: a text, or both texts of a pair, as a task's fields name them.

    Attributes:
        text: As `readable_text` leaves it.
        removed: Number of control characters that were left out.
    """

    text: Text
    removed: int

    @property
    def plain(self) -> str:
        """The text, or both texts with a space between them."""
        return self.text if isinstance(self.text, str) else " ".join(self.text)


@dataclass(frozen=True)
class Classification:
    """The answer to one text or pair of texts, and what it was made from.

    Attributes:
        checkpoint: Name of the checkpoint that answered.
        text: The text, or both texts of a pair, as read; see `readable_text`.
        fields: What the task calls the text, or each text of a pair.
        label: The most probable label.
        scores: Every label of the task → its probability; they sum to 1.
        language: Code of the language the text seems to be in, or None.
        tokens: The T tokens that the encoder read; those of a pair's second text follow the first's.
        parts: For each token 0, or 1 for those of a pair's second text.
        layers: Numbers of the encoder's layers, 1 to L; 0 before them where the fusion mixes the
            embedding output too.
        layer_weights: (T, L), the weights with which the fusion mixed the layers for this answer.
        truncated: Whether the encoder read only the beginning of a text.
        prompt_truncated: Whether the LLM read only the beginning of it, for a bridge that gives it the
            text too.
        removed: Number of control characters that were left out.
        milliseconds: Time from text to scores, loading left out; of a text in a batch, its share.
    """

    checkpoint: str
    text: Text
    fields: tuple[str, ...]
    label: str
    scores: dict[str, float]
    language: str | None
    tokens: list[Token]
    parts: list[int]
    layers: list[int]
    layer_weights: np.ndarray
    truncated: bool
    prompt_truncated: bool
    removed: int
    milliseconds: float


def read_question(task: Task, texts: Sequence[str]) -> Question:
    """Return a task's text or pair as it can be read.

    Args:
        task: Its fields name the texts.
        texts: One for each field, as they were typed; an empty one more is passed over.

    Raises:
        InputError: a text is missing, empty or too long; or there is a second one, and the task takes one.
    """
    wanted = len(task.fields)
    given = [*texts, *[""] * (wanted - len(texts))]
    if any(given[wanted:]):
        raise InputError("This task asks about one text. Leave the second one empty.")
    read = [readable_text(text, name) for text, name in zip(given, task.fields, strict=False)]
    removed = sum(count for _, count in read)
    if wanted == 1:
        return Question(read[0][0], removed)
    (first, _), (second, _) = read
    return Question((first, second), removed)


def classify_texts(
    bridge: FusionBridge, task: Task, questions: Sequence[Question], *, last_layer_only: bool = False
) -> list[Classification | InputError]:
    """Ask the LLM behind a bridge for the labels of texts, in one pass.

    Args:
        bridge: In evaluation mode.
        task: Its instruction and label words are used.
        questions: B texts or pairs, of like length if little is to be computed on padding.
        last_layer_only: Mask all layers but the last: its weight becomes 1, whatever the fusion says.

    Returns:
        An answer for each, in order; an error where the encoder knows nothing of a text.
    """
    start = time.perf_counter()
    with torch.inference_mode():
        answer = bridge.score_labels(
            [question.text for question in questions],
            list(task.label_words.values()),
            bridge.frame(task.instruction, task.bare_prompt),
            layer_mask=_last_layer(bridge, len(questions)) if last_layer_only else None,
        )
        probabilities = answer.probabilities.tolist()
    milliseconds = 1000 * (time.perf_counter() - start) / len(questions)
    soft = answer.soft_tokens
    found: list[Classification | InputError] = []
    for row, question in enumerate(questions):
        tokens = soft.tokens[row]
        parts = soft.parts[row, : len(tokens)].tolist()
        try:
            _check_known(task, tokens, parts)
        except InputError as error:
            found.append(error)
            continue
        scores = dict(zip(task.labels, probabilities[row], strict=True))
        found.append(
            Classification(
                checkpoint=bridge.checkpoint,
                text=question.text,
                fields=task.fields,
                label=max(scores, key=scores.__getitem__),
                scores=scores,
                language=detect_language(question.plain),
                tokens=tokens,
                parts=parts,
                layers=bridge.fusion.layers,
                layer_weights=soft.layer_weights[row, : len(tokens)].float().cpu().numpy(),
                truncated=soft.truncated[row],
                prompt_truncated=soft.prompt is not None and soft.prompt.truncated[row],
                removed=question.removed,
                milliseconds=milliseconds,
            )
        )
    return found


def _last_layer(bridge: FusionBridge, rows: int) -> Tensor:
    mask = torch.zeros(rows, len(bridge.fusion.layers), dtype=torch.bool)
    mask[:, -1] = True
    return mask.to(bridge.projection.boundary.device)


def _check_known(task: Task, tokens: list[Token], parts: list[int]) -> None:
    for part, name in enumerate(task.fields):
        own = [token for token, where in zip(tokens, parts, strict=True) if where == part]
        check_known(own, name)
