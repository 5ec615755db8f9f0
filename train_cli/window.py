"""Whether all that a training lets the LLM read fits its window: known before the first update.

Rows of a batch are filled up to the longest, so it is batches that fit or not.
"""

from collections.abc import Iterator, Sequence

import torch

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge
from fusion_demo.config import TrainConfig
from fusion_demo.data import Example
from fusion_demo.errors import DataError, shown
from fusion_demo.tasks import Task
from fusion_demo.text_prompt import read_text_prompt
from train_cli.batches import update_batches
from train_cli.dev import EVALUATION_BATCH

LINE_BREAK = 2
"""Tokens between the two texts of a pair, at most."""


def check_window(
    bridge: FusionBridge,
    task: Task,
    config: TrainConfig,
    train: Sequence[Example],
    dev: dict[str, list[Example]],
    processes: int = 1,
) -> None:
    """Refuse a training of which an update or a dev evaluation would be too long for the LLM.

    Args:
        bridge: What will be trained.
        task: Gives prompt and answers.
        config: The recipe.
        train: Training examples.
        dev: Dev examples by language.
        processes: How many share a batch.

    Raises:
        DataError: a text is too long; the message names its row and the option that cuts it.
    """
    if bridge.llm.window is None:
        return
    ruler = _Ruler(bridge, task, train, answers=None, split=config.soft_token_split > 0)
    if not ruler.surely_fits:
        lengths = bridge.encoder.count_tokens([example.text for example in train])
        ruler.check("the training data", _training_batches(lengths, config, processes))
    for language, examples in dev.items():
        ruler = _Ruler(
            bridge, task, examples, answers=None if task.writes else list(task.label_words.values())
        )
        if not ruler.surely_fits:
            batches = batches_by_length([example.text for example in examples], EVALUATION_BATCH)
            ruler.check(f"the dev data in '{language}'", batches)


def _training_batches(lengths: list[int], config: TrainConfig, processes: int) -> Iterator[list[int]]:
    """Yield what a process reads at once, over the whole training."""
    for epoch in range(config.epochs):
        for update in update_batches(lengths, config, processes, epoch):
            for batch in update:
                yield from filter(None, (batch[process::processes] for process in range(processes)))


class _Ruler:
    """Measures what the LLM would read of examples.

    Args:
        bridge: Makes the soft tokens.
        task: Gives prompt and answers.
        examples: What is read.
        answers: What is read behind every text, all at once; None: each example's own answer.
        split: Whether a soft token may stand there twice.
    """

    def __init__(
        self,
        bridge: FusionBridge,
        task: Task,
        examples: Sequence[Example],
        *,
        answers: Sequence[str] | None,
        split: bool = False,
    ) -> None:
        self.bridge, self.task, self.examples = bridge, task, examples
        self.frame = frame = bridge.frame(task.instruction, task.bare_prompt)
        self.times = 2 if split else 1
        tokenizer = bridge.llm.tokenizer
        if answers is not None:
            # Side by side; the last token of each is said, and not read.
            read = sum(len(frame.answer_ids(tokenizer, answer)) - 1 for answer in answers)
            self.answers = [read] * len(examples)
        else:
            said = [task.answer(example.label) for example in examples]
            known = {answer: len(frame.answer_ids(tokenizer, answer)) for answer in set(said)}
            self.answers = [known[answer] for answer in said]
        self.taught = task.taught and answers is None

    @property
    def surely_fits(self) -> bool:
        """Whether no text, as long as it may be, could be too long."""
        config, frame = self.bridge.config, self.frame
        room = self._room(max(self.answers), config.text_prompt_tokens + len(frame.text_end) + LINE_BREAK)
        return not self.taught and self._parts() * self.times * config.max_text_tokens <= room

    def check(self, where: str, batches: Iterator[list[int]] | list[list[int]]) -> None:
        """Refuse the first batch that does not fit.

        Args:
            where: Names the data.
            batches: Indices of the examples that are read at once.

        Raises:
            DataError: there is such a batch.
        """
        texts = [example.text for example in self.examples]
        bounds = [self._summaries() + self.times * n for n in self._token_bounds(texts)]
        tails = self._tails(texts)
        plain = self._teacher_tails(texts) if self.taught else [0] * len(texts)
        window, before = self.bridge.llm.window, len(self.frame.before)
        for batch in batches:
            answer = max(self.answers[i] for i in batch)
            rest = before + 1 + max(tails[i] for i in batch) + answer
            read, soft = rest + max(bounds[i] for i in batch), bounds
            if read > window:
                soft = dict(zip(batch, self._soft(batch), strict=True))
                read = rest + max(soft.values())
            taught = before + max(plain[i] for i in batch) + answer
            if max(read, taught) > window:
                own = plain if taught > read else {i: soft[i] + tails[i] for i in batch}
                row = max(batch, key=lambda i: own[i] + self.answers[i])
                raise DataError(self._refusal(where, row, max(read, taught), tails, cut=read >= taught))

    def _refusal(self, where: str, row: int, read: int, tails: list[int], *, cut: bool) -> str:
        config, example = self.bridge.config, self.examples[row]
        text = (
            f"Row {example.row} of {where} ({shown(example.text)}) is too long: with prompt and answer it "
            f"takes {read} positions, and the LLM reads at most {self.bridge.llm.window}. "
        )
        remove = "shorten or remove the row (rows are counted from 0)."
        if not cut or (config.soft_token_unit == "text" and config.text_prompt == "none"):
            return f"{text}Please {remove}"
        if config.text_prompt == "augment":
            room = self._room(max(self.answers), 0)
            return (
                f"{text}Cut texts with smaller --max-text-tokens and --text-prompt-tokens, which have {room} "
                f"positions together, or {remove}"
            )
        most = self._room(max(self.answers), 0) // (self._parts() * self.times)
        if most < 1 or most >= config.max_text_tokens:
            return f"{text}Please {remove}"
        return f"{text}Cut texts with --max-text-tokens {most}, or {remove}"

    def _room(self, answer: int, prompt: int) -> int:
        """Return the positions that are left for soft tokens that stand for parts of a text."""
        if self.bridge.config.text_prompt == "none":
            prompt = 0
        used = len(self.frame.before) + self._summaries() + 1 + prompt + len(self.frame.after) + answer
        return self.bridge.llm.window - used

    def _parts(self) -> int:
        if self.bridge.config.soft_token_unit == "text":
            return 0
        return len(self.task.fields)

    def _summaries(self) -> int:
        config = self.bridge.config
        return int(config.relation_token) + len(self.task.fields) * config.sentence_tokens

    def _token_bounds(self, texts: Sequence) -> list[int]:
        if self.bridge.config.soft_token_unit == "text":
            return [0] * len(texts)
        return self.bridge.encoder.count_tokens(texts)

    def _tails(self, texts: Sequence) -> list[int]:
        config, after = self.bridge.config, len(self.frame.after)
        if config.text_prompt == "none":
            return [after] * len(texts)
        ids = read_text_prompt(self.bridge.llm, texts, config.text_prompt_tokens).ids
        return [len(row) + len(self.frame.text_end) + after for row in ids]

    def _teacher_tails(self, texts: Sequence) -> list[int]:
        end = len(self.frame.text_end) + len(self.frame.after)
        whole = ("\n".join([text] if isinstance(text, str) else text) for text in texts)
        return [len(self.bridge.llm.text_ids(text)) + end for text in whole]

    @torch.no_grad()
    def _soft(self, batch: list[int]) -> list[int]:
        """Return how many soft tokens the bridge makes of each text, as it does it."""
        soft = self.bridge.soft_tokens([self.examples[i].text for i in batch])
        return [
            min(count, soft.summaries) + self.times * max(0, count - soft.summaries)
            for count in soft.mask.sum(dim=1).tolist()
        ]
