"""The LLM alone: it reads the text itself, as its own tokens, where the bridge would give it soft ones."""

from collections.abc import Callable, Sequence

from torch import Tensor

from fusion_demo.decoding import Decoding
from fusion_demo.distillation import distillation_loss, teacher_logits
from fusion_demo.llm import FrozenLLM
from fusion_demo.padding import IGNORED, pad
from fusion_demo.prompt import PromptFrame, build_frame
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text

MAX_TEXT_TOKENS = 1024
"""Longest text. An English tokeniser cuts other scripts into bytes: about three tokens a letter."""


class LLMAlone:
    """An English LLM that reads every language by itself: the floor that a bridge has to rise above."""

    name = "llm-alone"

    def __init__(
        self,
        llm: FrozenLLM,
        *,
        prompt_form: str = "auto",
        template_arguments: str = "",
        max_text_tokens: int = MAX_TEXT_TOKENS,
    ) -> None:
        """Keep the LLM.

        Args:
            llm: The frozen LLM.
            prompt_form: "chat", "bare" or "auto", as a bridge's.
            template_arguments: Of the LLM's chat template, as a bridge's.
            max_text_tokens: LLM tokens kept of each text, and at most half of the LLM's window.
        """
        self.llm = llm
        self.prompt_form = prompt_form
        self.template_arguments = template_arguments
        self.max_text_tokens = min(max_text_tokens, (llm.window or 2 * max_text_tokens) // 2)

    def prepare(self, texts: Sequence[Text], language: str) -> list[Text]:
        """Return the texts as they are."""
        return list(texts)

    def score_labels(self, texts: Sequence[Text], task: Task) -> Tensor:
        """Return how likely the LLM finds each label's words, (B, K), in nats."""
        frame = self.frame(task)
        answers = [frame.answer_ids(self.llm.tokenizer, words) for words in task.label_words.values()]
        return self.llm.score_answers(frame.before, *self._read(texts, task, frame), answers)

    def generate(self, texts: Sequence[Text], task: Task) -> list[str]:
        """Return the LLM's greedy answers."""
        return self.write(texts, task, task.decoding(self.frame(task), self.llm.tokenizer))

    def write(
        self,
        texts: Sequence[Text],
        task: Task,
        decoding: Decoding,
        *,
        stop: Callable[[], bool] | None = None,
    ) -> list[str]:
        """Return the LLM's answers, written as `decoding` says; see `FrozenLLM.generate` for `stop`."""
        frame = self.frame(task)
        read = self._read(texts, task, frame)
        return self.llm.decode(self.llm.generate(frame.before, *read, decoding, stop=stop))

    def divergence(
        self, texts: Sequence[Text], answers: Sequence[str], english: Sequence[str], task: Task
    ) -> float:
        """Return how far the LLM is, reading the texts, from itself reading the English, in nats a token."""
        frame = self.frame(task)
        ids = [frame.answer_ids(self.llm.tokenizer, answer) for answer in answers]
        targets = pad(ids, self.llm.model.device)
        read, taught = (
            teacher_logits(self.llm, [task.plain(text) for text in rows], targets, frame)
            for rows in (texts, english)
        )
        return distillation_loss(read, taught, targets != IGNORED).item()

    def count_answer_tokens(self, answers: Sequence[str], task: Task) -> list[int]:
        """Return how many tokens each answer has, its end token included."""
        frame = self.frame(task)
        return [len(frame.answer_ids(self.llm.tokenizer, answer)) for answer in answers]

    def text_ids(self, text: Text, task: Task) -> list[int]:
        """Return the tokens of a text as the LLM reads it, `max_text_tokens` at most.

        The parts of a pair that is too long are shortened alike, so that neither is lost.
        """
        ids = self.llm.text_ids(task.plain(text))
        if len(ids) > self.max_text_tokens and not isinstance(text, str):
            names = len(self.llm.text_ids(task.plain(("", ""))))
            share = max(0, self.max_text_tokens - names) / (len(ids) - names)
            first, second = (part[: int(share * len(part))] for part in text)
            ids = self.llm.text_ids(task.plain((first, second)))
        return ids[: self.max_text_tokens]

    def shortens(self, text: Text, task: Task) -> bool:
        """Return whether the LLM reads less than the whole text."""
        return len(self.llm.text_ids(task.plain(text))) > self.max_text_tokens

    def frame(self, task: Task) -> PromptFrame:
        """Return the LLM's own tokens around a text of a task."""
        return build_frame(
            self.llm.tokenizer,
            self.prompt_form,
            instruction=task.instruction,
            bare_prompt=task.bare_prompt,
            template_arguments=self.template_arguments,
        )

    def _read(self, texts: Sequence[Text], task: Task, frame: PromptFrame) -> tuple[Tensor, Tensor]:
        """Embeddings (B, S, E) and mask (B, S) of the texts and of what follows them, padded on the left."""
        rows = [[*self.text_ids(text, task), *frame.text_end, *frame.after] for text in texts]
        ids = pad(rows, self.llm.model.device, side="left")
        return self.llm.embed(ids.clamp(min=0)), ids != IGNORED
