"""Warm starts: the bridge learns what the LLM can read before the LLM reads a text.

A frozen LLM's passes, forward and back, are what a training step costs. Here none is made. For a classifier
the first soft token of each text learns to point at its label's anchor, a vector which the LLM is known to
answer with that label; for a task that is answered freely each word learns to point at the LLM's own
embedding of it (`train_cli.lexical`). Several times as many examples go through in the same time, and the
LLM then starts from tokens that it can read already.
"""

import dataclasses
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from fusion_demo.bridge import FusionBridge
from fusion_demo.config import TrainConfig
from fusion_demo.data import Example
from fusion_demo.errors import ConfigError, TrainingError
from fusion_demo.prompt import PromptFrame
from fusion_demo.tasks import Task
from fusion_demo.training_log import WARM_START
from train_cli.anchors import learn_anchors
from train_cli.batches import epoch_batches
from train_cli.divergence import check_finite
from train_cli.interrupt import WholeSteps
from train_cli.monitor import Monitor
from train_cli.optimizer import build_optimizer, set_rate
from train_cli.state import STATE, load_state, save_state

WARM_STARTS = ("warm-start", "keyword-warm-start")
"""Folders of the states of all kinds of warm start, below that of a training's state."""

TEMPERATURE = 0.3
PULL = 0.1
SAVE_EVERY, LOG_EVERY = 200, 50


@dataclasses.dataclass
class WarmStartProgress:
    """Where a warm start stands: updates made, and seconds over all its sessions."""

    updates: int = 0
    seconds: float = 0.0


class WarmStart(ABC):
    """A training of the bridge in which the LLM reads no text; a kind says what is learned.

    Everything random depends on seed and update alone.

    Args:
        bridge: Untrained.
        task: What the bridge is trained for.
        frame: The LLM's own tokens around the text.
        config: The recipe.
        examples: English examples.
        folder: Where the state is saved.
        say: Receives lines for the user.
        monitor: Learns how it goes; by default, nobody does.
        saves: Whether this process saves the state; of several that do the same, one does.
        before: Updates of the warm starts before this one; the log counts on.

    Raises:
        ConfigError: the bridge cannot be trained this way.
    """

    counted = "examples"
    """What is right or wrong, in the lines for the user."""

    name = WARM_STARTS[0]
    """Name of the folder that its state is kept in."""

    batch_size = 32

    def __init__(
        self,
        bridge: FusionBridge,
        task: Task,
        frame: PromptFrame,
        config: TrainConfig,
        examples: Sequence[Example],
        folder: Path,
        say: Callable[[str], None],
        monitor: Monitor | None = None,
        saves: bool = True,
        before: int = 0,
    ) -> None:
        self.saves, self.before = saves, before
        self.bridge, self.task, self.frame = bridge, task, frame
        self.config, self.examples = config, examples
        self.folder, self.say = folder / self.name, say
        self.monitor = monitor or Monitor(None)
        self.parameters = self._trained()
        self.optimizer = build_optimizer(self.parameters, config, config.warm_start_learning_rate)
        self.lengths = bridge.encoder.count_tokens([example.text for example in examples])
        self.per_epoch = math.ceil(len(examples) / self.batch_size)
        self.total = self._epochs() * self.per_epoch
        self.progress = WarmStartProgress()
        self._epoch, self._batches = -1, []

    def _epochs(self) -> int:
        return self.config.warm_start_epochs

    @abstractmethod
    def _trained(self) -> dict[str, nn.Parameter]:
        """Return the parameters that learn, by name; check that the bridge has what is needed."""

    @abstractmethod
    def _aim(self) -> None:
        """Prepare what the bridge learns to point at; the same for the same seed."""

    @abstractmethod
    def _loss(self, examples: list[Example]) -> tuple[Tensor, int, int]:
        """Return the loss of a batch, how many choices in it were right, and how many there were."""

    def run(self, *, resume: bool) -> dict[str, float]:
        """Train to the end; a resumed one goes on where it was last saved.

        Returns:
            What was done, for the checkpoint's card: `updates`, `examples`, `seconds`.
        """
        started = time.monotonic()
        # Made anew by a resumed one too: a minute, and the same seed gives the same.
        self._aim()
        if resume and (self.folder / STATE).exists():
            saved = load_state(self.folder, self.parameters, self.optimizer)
            self.progress = WarmStartProgress(**saved)
            started -= self.progress.seconds
        self.monitor.trim(training=0, warm_start=self.before + self.progress.updates)
        self._at()
        bar = tqdm(total=self.total, initial=self.progress.updates, unit="warm-up", disable=None)
        right = seen = 0
        losses: list[float] = []
        steps = WholeSteps()
        try:
            while self.progress.updates < self.total:
                with steps:
                    loss, correct, size = self._update()
                    self.progress.updates += 1
                    self.progress.seconds = time.monotonic() - started
                    right, seen = right + correct, seen + size
                    losses.append(loss)
                    # Within the step, as an update that is saved and not logged would never be.
                    self._at()
                    if self.progress.updates % LOG_EVERY == 0 or self.progress.updates == self.total:
                        mean = sum(losses) / len(losses)
                        self.monitor.log(
                            self.before + self.progress.updates,
                            self.progress.seconds,
                            phase=WARM_START,
                            loss=mean,
                        )
                        losses = []
                bar.set_postfix_str(f"loss {loss:.3f}")
                bar.update()
                if self.progress.updates % SAVE_EVERY == 0 or self.progress.updates == self.total:
                    self._save()
                    if seen:
                        self.say(
                            f"warm start, update {self.progress.updates} of {self.total}: "
                            f"{100 * right / seen:.1f} % of the last {seen:,} {self.counted} right"
                        )
                    right = seen = 0
        except KeyboardInterrupt:
            if self.progress.updates and steps.whole:
                self._save()
            raise
        except TrainingError:
            if self.progress.updates:  # the update that failed has changed nothing
                self._save()
            raise
        finally:
            bar.close()
        return {
            "updates": self.progress.updates,
            "examples": self._epochs() * len(self.examples),
            "seconds": round(self.progress.seconds, 1),
        }

    def _at(self) -> None:
        self.monitor.at(WARM_START, self.before + self.progress.updates, self.before + self.total)

    def _update(self) -> tuple[float, int, int]:
        config, update = self.config, self.progress.updates
        epoch, position = divmod(update, self.per_epoch)
        if epoch != self._epoch:
            self._batches = epoch_batches(self.lengths, self.batch_size, seed=config.seed + epoch)
            self._epoch = epoch
        torch.manual_seed((config.seed << 32) + update)
        self.bridge.train()
        examples = [self.examples[i] for i in self._batches[position]]
        loss, right, choices = self._loss(examples)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), config.max_gradient_norm)
        check_finite(
            loss.item(),
            norm,
            update=update,
            rate_option="--warm-start-learning-rate",
            bridge=self.bridge,
            parameters=self.parameters,
            examples=examples,
            loss_of=lambda example: self._loss([example])[0],
        )
        set_rate(self.optimizer, update, self.total, config.warmup_fraction)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item(), right, choices

    def _save(self) -> None:
        if self.saves:
            save_state(self.folder, self.parameters, self.optimizer, dataclasses.asdict(self.progress))


class LabelWarmStart(WarmStart):
    """Trains a bridge's first soft token to point at the anchor of its label.

        loss = −log softmax_k( cos(s − ā, a_k − ā) / 0.3 )[label] + 0.1 · ‖s − a_label‖² / (E · rms²)

    s is the first soft token, a_k the anchor of label k (`train_cli.anchors`), ā the anchors' mean, rms the
    root mean square of the LLM's input embeddings. The second term keeps s at the anchors' scale.

    Raises:
        ConfigError: the bridge has no soft token that stands for the whole text.
    """

    def _trained(self) -> dict[str, nn.Parameter]:
        config = self.bridge.config
        if not (config.sentence_tokens or config.relation_token):
            raise ConfigError("A warm start needs a token for the whole text. Add --sentence-tokens 1.")
        maker, self._last = self._maker()
        return {
            name: parameter
            for name, parameter in self.bridge.named_parameters()
            if parameter.requires_grad
            and name.startswith(("fusion.", maker))
            and name != "projection.boundary"
        }

    def _maker(self) -> tuple[str, nn.Module]:
        """Return the name of the part that makes the first soft token, and its last layer, with a bias."""
        bridge = self.bridge
        if bridge.relation is not None:
            return "relation.", bridge.relation.output
        if bridge.sentence is not None:
            return "sentence.", bridge.sentence.norm
        return "projection.", bridge.projection.linear

    def _loss(self, examples: list[Example]) -> tuple[Tensor, int, int]:
        first = self.bridge.summaries([e.text for e in examples], noise=self.config.warm_start_noise)[:, 0]
        gold = torch.tensor([self.task.labels.index(e.label) for e in examples], device=first.device)
        scores = anchor_scores(first, self.anchors)
        distance = (first - self.anchors[gold]).pow(2).mean() / self.bridge.llm.embedding_rms**2
        loss = functional.cross_entropy(scores, gold) + PULL * distance
        return loss, int((scores.argmax(dim=1) == gold).sum()), len(examples)

    def _aim(self) -> None:
        """Learn the anchors; put the last bias at their mean, so that the first tokens lie among them."""
        self.anchors = learn_anchors(self.bridge, self.task, self.frame, self.config.seed)
        with torch.no_grad():
            self._last.bias.copy_(self.anchors.mean(dim=0))


def anchor_scores(first: Tensor, anchors: Tensor) -> Tensor:
    """Return cos(s − ā, a_k − ā) / 0.3 for B soft tokens (B, E) and K anchors (K, E): (B, K)."""
    centre = anchors.mean(dim=0)
    return (
        functional.cosine_similarity((first - centre)[:, None], (anchors - centre)[None], dim=-1)
        / TEMPERATURE
    )
