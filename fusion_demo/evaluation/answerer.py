"""What is measured: anything that scores a task's labels and writes answers."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from fusion_demo.baselines import LLMAlone
from fusion_demo.batching import batches_by_length
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


class EchoAnswerer:
    """A bridge as a conversation uses it: the LLM answers what was understood, as its own words.

    Args:
        bridge: Trained on the task `echo`, in evaluation mode.
        name: What result files call it.
        best_of: As for `BridgeAnswerer`.
        batch_size: Texts that are understood at once.
    """

    def __init__(self, bridge: FusionBridge, name: str, *, best_of: int, batch_size: int) -> None:
        self.name = name
        config = bridge.config
        self.llm = LLMAlone(
            bridge.llm, prompt_form=config.prompt_form, template_arguments=config.template_arguments
        )
        self._bridge, self._best_of, self._batch_size = bridge, best_of, batch_size
        self._understood: dict[str, str] = {}

    def prepare(self, texts: Sequence[Text], language: str) -> list[Text]:
        """Return what each text is understood as; each is understood once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._understood]
        for batch in batches_by_length(new, self._batch_size):
            read = [new[i] for i in batch]
            found = understand(self._bridge, read, candidates=self._best_of)
            self._understood |= {text: best.text for text, best in zip(read, found, strict=True)}
        return [self._understood[text] for text in texts]

    def score_labels(self, texts: Sequence[Text], task: Task) -> Tensor:
        """Return how likely the LLM finds each label's words behind what was understood, (B, K), in nats."""
        return self.llm.score_labels(texts, task)

    def generate(self, texts: Sequence[Text], task: Task) -> list[str]:
        """Return the LLM's greedy answers to what was understood."""
        return self.llm.generate(texts, task)

    def divergence(
        self, texts: Sequence[Text], answers: Sequence[str], english: Sequence[str], task: Task
    ) -> float:
        """Return how far the LLM, reading what was understood, is from itself reading the English."""
        return self.llm.divergence(texts, answers, english, task)
