"""What is measured: anything that scores a task's labels and writes answers."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from fusion_demo.bridge import FusionBridge
from fusion_demo.prompt import PromptFrame
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text
from fusion_demo.understanding import understand


class Answerer(Protocol):
    """Something that answers a task: a bridge, or a baseline.

    Attributes:
        name: What result files and tables call it.
    """

    name: str

    def prepare(self, texts: Sequence[Text], language: str) -> list[Text]:
        """Return what the system reads in place of the texts: for most, the texts as they are.

        Args:
            texts: N texts.
            language: Code of the language that they are in.
        """
        ...

    def score_labels(self, texts: Sequence[Text], task: Task) -> Tensor:
        """Return the log-likelihood of each of the task's labels, (B, K), in nats.

        Args:
            texts: B prepared texts.
            task: Its labels give the K columns.
        """
        ...

    def generate(self, texts: Sequence[Text], task: Task) -> list[str]:
        """Return what the system writes of each prepared text, greedily, as long as the task's answers are.

        Systems that only score labels have no such method.
        """
        ...

    def divergence(
        self, texts: Sequence[Text], answers: Sequence[str], english: Sequence[str], task: Task
    ) -> float:
        """Return the mean of KL(LLM reading the English || this system) over given answers' tokens, nats.

        Args:
            texts: B prepared texts.
            answers: B answers, along which both go on.
            english: B English texts that mean the same.
            task: Gives the prompt.

        Systems that only score labels have no such method.
        """
        ...


class BridgeAnswerer:
    """A fusion bridge as an `Answerer`.

    Args:
        bridge: In evaluation mode.
        name: What result files call it.
        best_of: Echoes of each text, of which the encoder chooses one, see `understand`; 1: the greedy one.
    """

    def __init__(self, bridge: FusionBridge, name: str = "", *, best_of: int = 1) -> None:
        self.bridge = bridge
        self.name = name
        self.best_of = best_of

    def prepare(self, texts: Sequence[Text], language: str) -> list[Text]:
        """Return the texts: the encoder reads every language."""
        return list(texts)

    def score_labels(self, texts: Sequence[Text], task: Task) -> Tensor:
        """Return how likely the LLM finds each label's words, (B, K), in nats."""
        words = list(task.label_words.values())
        return self.bridge.score_labels(texts, words, self._frame(task)).log_likelihoods

    def generate(self, texts: Sequence[Text], task: Task) -> list[str]:
        """Return the LLM's greedy answers, or the best of several echoes."""
        if self.best_of > 1:
            return [understood.text for understood in understand(self.bridge, texts, candidates=self.best_of)]
        frame = self._frame(task)
        decoding = task.decoding(frame, self.bridge.llm.tokenizer)
        return self.bridge.generate(texts, frame, decoding)

    def divergence(
        self, texts: Sequence[Text], answers: Sequence[str], english: Sequence[str], task: Task
    ) -> float:
        """Return how far the LLM behind the bridge is from the one reading the English, nats a token."""
        with torch.no_grad():
            return self.bridge(texts, answers, self._frame(task), taught_by=english).item()

    def _frame(self, task: Task) -> PromptFrame:
        return self.bridge.frame(task.instruction, task.bare_prompt)
