"""The warm start of a classifier: the bridge learns what the labels mean before the LLM reads anything.

A frozen LLM's pass, forward and back, is what a training step costs. Here no such pass is made: the first
soft token of each text learns to point at the LLM's own input embedding of the right label. Ten times as
many examples go through in the same time, and the LLM then starts from a token that it can read already.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from fusion_demo.bridge import FusionBridge
from fusion_demo.config import TrainConfig
from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text
from train_cli.batches import epoch_batches
from train_cli.optimizer import build_optimizer, set_rate
from train_cli.state import STATE, load_state, save_state

FOLDER = "warm-start"
BATCH_SIZE = 32
TEMPERATURE = 0.3
SAVE_EVERY = 200


@dataclasses.dataclass
class WarmStartProgress:
    """Where a warm start stands: updates made, and seconds over all its sessions."""

    updates: int = 0
    seconds: float = 0.0


class WarmStart:
    """Trains a bridge's first soft token to be nearest to the embedding of its label.

        loss = −log softmax_k( cos(s, m_k − m̄) / 0.3 )[label]

    s is the first soft token; m_k is the mean of the LLM's input embeddings of label k's words, m̄ the mean
    over labels. Dropout of the trained parts is on. Everything random depends on seed and update alone.

    Args:
        bridge: Untrained, with a sentence token or a relation token.
        task: Gives the label words.
        config: The recipe.
        examples: English examples.
        folder: Where the state is saved.
        say: Receives lines for the user.

    Raises:
        ConfigError: the bridge has no soft token that stands for the whole text.
    """

    def __init__(
        self,
        bridge: FusionBridge,
        task: Task,
        config: TrainConfig,
        examples: Sequence[Example],
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        if not (bridge.config.sentence_token or bridge.config.relation_token):
            raise ConfigError("A warm start needs a token for the whole text. Add --sentence-token.")
        self.bridge, self.task, self.config, self.examples = bridge, task, config, examples
        self.folder, self.say = folder / FOLDER, say
        self.parameters = _reached(bridge)
        self.optimizer = build_optimizer(self.parameters, config, config.learning_rate)
        self.lengths = bridge.encoder.count_tokens([example.text for example in examples])
        self.per_epoch = math.ceil(len(examples) / BATCH_SIZE)
        self.total = config.warm_start_epochs * self.per_epoch
        self.progress = WarmStartProgress()
        self.targets = label_directions(bridge, task)
        self._epoch, self._batches = -1, []

    def run(self, *, resume: bool) -> dict[str, float]:
        """Train to the end; a resumed one goes on where it was last saved.

        Returns:
            What was done, for the checkpoint's card: `updates`, `examples`, `seconds`.
        """
        if resume and (self.folder / STATE).exists():
            saved = load_state(self.folder, self.parameters, self.optimizer)
            self.progress = WarmStartProgress(**saved)
        started = time.monotonic() - self.progress.seconds
        bar = tqdm(total=self.total, initial=self.progress.updates, unit="warm-up", disable=None)
        right = seen = 0
        try:
            while self.progress.updates < self.total:
                loss, correct, size = self._update()
                right, seen = right + correct, seen + size
                self.progress.updates += 1
                self.progress.seconds = time.monotonic() - started
                bar.set_postfix_str(f"loss {loss:.3f}")
                bar.update()
                if self.progress.updates % SAVE_EVERY == 0 or self.progress.updates == self.total:
                    self._save()
                    if seen:
                        self.say(
                            f"warm start, update {self.progress.updates} of {self.total}: "
                            f"{100 * right / seen:.1f} % of the last {seen:,} examples right"
                        )
                    right = seen = 0
        except KeyboardInterrupt:
            if self.progress.updates:
                self._save()
            raise
        finally:
            bar.close()
        return {
            "updates": self.progress.updates,
            "examples": self.config.warm_start_epochs * len(self.examples),
            "seconds": round(self.progress.seconds, 1),
        }

    def _update(self) -> tuple[float, int, int]:
        config, update = self.config, self.progress.updates
        epoch, position = divmod(update, self.per_epoch)
        if epoch != self._epoch:
            self._batches = epoch_batches(self.lengths, BATCH_SIZE, seed=config.seed + epoch)
            self._epoch = epoch
        examples = [self.examples[i] for i in self._batches[position]]
        torch.manual_seed((config.seed << 32) + update)
        self.bridge.train()
        scores = label_scores(self.bridge, [e.text for e in examples], self.targets)
        gold = torch.tensor([self.task.labels.index(e.label) for e in examples], device=scores.device)
        loss = functional.cross_entropy(scores, gold)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), config.max_gradient_norm)
        set_rate(self.optimizer, update, self.total, config.warmup_fraction)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item(), int((scores.argmax(dim=1) == gold).sum()), len(examples)

    def _save(self) -> None:
        save_state(self.folder, self.parameters, self.optimizer, dataclasses.asdict(self.progress))


def label_directions(bridge: FusionBridge, task: Task) -> Tensor:
    """Return m_k − m̄ for the K labels of a task: (K, E)."""
    tokenizer = bridge.llm.tokenizer
    means = []
    for words in task.label_words.values():
        ids = torch.tensor(tokenizer.encode(words, add_special_tokens=False), device=bridge.llm.model.device)
        means.append(bridge.llm.embed(ids).float().mean(dim=0))
    stacked = torch.stack(means)
    return stacked - stacked.mean(dim=0)


def label_scores(bridge: FusionBridge, texts: Sequence[Text], directions: Tensor) -> Tensor:
    """Return cos(s, m_k − m̄) / 0.3 for every text and label: (B, K)."""
    first = bridge.soft_tokens(texts).embeddings[:, 0]
    return functional.cosine_similarity(first[:, None], directions[None], dim=-1) / TEMPERATURE


def _reached(bridge: FusionBridge) -> dict[str, nn.Parameter]:
    """The parameters that the first soft token is made with."""
    maker = "projection." if bridge.relation is None else "relation."
    return {
        name: parameter
        for name, parameter in bridge.named_parameters()
        if parameter.requires_grad and name.startswith(("fusion.", maker)) and name != "projection.boundary"
    }
