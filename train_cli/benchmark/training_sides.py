"""The two trainings that `benchmark training` compares: the same weights, examples and recipe."""

import dataclasses
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from fusion_demo.bridge import FusionBridge
from fusion_demo.card import CheckpointInfo
from fusion_demo.config import BridgeConfig, TrainConfig
from fusion_demo.data import Example, read_examples
from fusion_demo.errors import ConfigError
from fusion_demo.frozen import FrozenModels
from fusion_demo.tasks import get_training_task
from train_cli.benchmark.plain_training import PlainBridge, PlainTraining
from train_cli.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained; the same for both sides.

    Attributes:
        encoder: Reference of the encoder.
        llm: Reference of the LLM.
        task: Name of the task.
        data: Folder with its data, or empty for the hub.
        batch_size: Examples of a step.
        steps: Steps.
        seed: Of weights, sample and order.
    """

    encoder: str
    llm: str
    task: str
    data: str
    batch_size: int
    steps: int
    seed: int


class Steps(Trainer):
    """Our trainer, one step at a time; with `given` the batches are those, else its own."""

    given: list[list[int]] | None = None

    def batches(self, update: int) -> list[list[int]]:
        """Return the batch of one update."""
        return [self.given[update]] if self.given else super().batches(update)

    def step(self) -> float:
        """Make the next update; return its loss."""
        loss = self.update(self.bridge)
        self.progress.updates += 1
        return loss


def read_recipe(recipe: Recipe) -> list[Example]:
    """Return the English examples of all steps, a seeded sample."""
    number = recipe.steps * recipe.batch_size
    task = get_training_task(recipe.task)
    examples = read_examples(recipe.data, task, "train", "en", max_examples=number, seed=recipe.seed)
    if len(examples) < number:
        raise ConfigError(
            f"The data has {len(examples)} English training examples, and {recipe.steps} steps of "
            f"{recipe.batch_size} take {number}. Give a smaller --repeats or --batch-size."
        )
    return examples


def unsorted_batches(number: int, recipe: Recipe) -> list[list[int]]:
    """Return the batches of a loader that shuffles, and does not look at lengths."""
    order = list(range(number))
    random.Random(recipe.seed).shuffle(order)
    return [order[i : i + recipe.batch_size] for i in range(0, number, recipe.batch_size)]


def build_bridge(recipe: Recipe, models: FrozenModels) -> FusionBridge:
    """Return the bridge both sides start from: soft tokens of tokens alone, no dropout, no prefix."""
    torch.manual_seed(recipe.seed)
    return models.build(BridgeConfig(encoder=recipe.encoder, llm=recipe.llm, fusion_dropout=0.0))


def build_ours(
    recipe: Recipe, models: FrozenModels, examples: list[Example], *, recompute: float = 0.0
) -> Steps:
    """Return our trainer, which writes nothing: its folder is never made."""
    bridge = build_bridge(recipe, models)
    config = dataclasses.replace(train_config(recipe), recompute=recompute)
    task = get_training_task(recipe.task)
    info = CheckpointInfo(
        folder=Path(tempfile.gettempdir()) / "no-checkpoint",
        task=task.name,
        bridge=bridge.config,
        training=config,
        command="",
        data={},
        fingerprints={},
        metrics={},
    )
    return Steps(bridge, task, config, examples, {}, info, Accelerator(cpu=True))


def build_plain(recipe: Recipe, models: FrozenModels, total: int) -> PlainTraining:
    """Return the plain training of the same bridge."""
    bridge, task = build_bridge(recipe, models), get_training_task(recipe.task)
    frame = bridge.frame(task.instruction, task.bare_prompt)
    return PlainTraining(PlainBridge(bridge, frame), task, train_config(recipe), total)


def train_config(recipe: Recipe) -> TrainConfig:
    """Return the training recipe: one epoch, nothing disturbed."""
    return TrainConfig(
        task=recipe.task, data=recipe.data, batch_size=recipe.batch_size, seed=recipe.seed, epochs=1
    )
