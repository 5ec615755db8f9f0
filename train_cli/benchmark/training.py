"""`benchmark training`: a step of `Trainer` against `plain_training`, and where its time goes."""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from fusion_demo.bridge import FusionBridge
from fusion_demo.card import CheckpointInfo
from fusion_demo.config import BridgeConfig, TrainConfig
from fusion_demo.data import Example, read_examples
from fusion_demo.errors import ConfigError
from fusion_demo.frozen import FrozenModels
from fusion_demo.tasks import get_training_task
from train_cli.arguments import count
from train_cli.benchmark.machine import gemm_rate
from train_cli.benchmark.memory import in_child, peak_during
from train_cli.benchmark.plain_training import PlainBridge, PlainTraining
from train_cli.benchmark.products import count_flops
from train_cli.benchmark.rounds import interleave, paired_ratio, summary
from train_cli.trainer import Trainer

OURS, SAME, PLAIN, RATE = "ours", "ours, the plain one's batches", "plain", "gemm"
PARTS = ("encoder", "fusion", "LLM forward", "LLM backward", "fusion backward", "optimizer")
PEAK_STEPS = 3
"""Steps of which the peak memory is taken: those with the longest batches."""


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark training`."""
    add = parser.add_argument
    parser.set_defaults(repeats=50)
    add("--task", default="news", help="task whose English training data is read (default: news)")
    add("--data", default="", help="folder with that data, as for `train` (default: the hub)")
    add("--encoder", default=BridgeConfig.encoder, help=f"default: {BridgeConfig.encoder}")
    add("--llm", default=BridgeConfig.llm, help=f"default: {BridgeConfig.llm}")
    add("--batch-size", type=count(1), default=16, metavar="N", help="examples a step (default: 16)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train both sides from the same weights, in turn, step by step; each round is a step of each.

    Raises:
        ConfigError: a round has no step.
        FusionDemoError: the data or a model cannot be used.
    """
    recipe = Recipe(
        encoder=arguments.encoder,
        llm=arguments.llm,
        task=arguments.task,
        data=arguments.data,
        batch_size=arguments.batch_size,
        steps=arguments.repeats,
        seed=arguments.seed,
    )
    if recipe.steps < 3:
        raise ConfigError(
            "The first step is not counted and a spread needs two more: give --repeats 3 or more."
        )
    report = in_child(time_steps, recipe)
    for name, row in report["systems"].items():
        print(f"peak memory of {name} ...", flush=True)
        row.update(in_child(peak_of, name, recipe))
    plain = report["systems"][PLAIN]["peak_bytes"]
    for row in report["systems"].values():
        row["peak_ratio"] = row["peak_bytes"] / plain
    return report


def time_steps(recipe: Recipe) -> dict[str, Any]:
    """Return rates, losses, shares and the floor of both sides."""
    models = FrozenModels()
    examples = read_recipe(recipe)
    given = unsorted_batches(len(examples), recipe)
    ours, same = (build_ours(recipe, models, examples) for _ in range(2))
    same.given = given
    plain = build_plain(recipe, models, same.total)
    losses: dict[str, list[float]] = {SAME: [], PLAIN: []}

    def timed(name: str, step: Callable[[int], float], batch: Callable[[int], int]) -> Callable[[int], float]:
        def call(number: int) -> float:
            size, began = batch(number), time.perf_counter()
            loss = step(number)
            rate = size / (time.perf_counter() - began)
            losses.setdefault(name, []).append(loss)
            return rate

        return call

    rates = interleave(
        {
            OURS: timed(OURS, lambda _: ours.step(), lambda n: len(ours.batches(n)[0])),
            SAME: timed(SAME, lambda _: same.step(), lambda n: len(given[n])),
            PLAIN: timed(
                PLAIN, lambda n: plain.update([examples[i] for i in given[n]]), lambda n: len(given[n])
            ),
            RATE: lambda _: gemm_rate(),
        },
        recipe.steps,
        warm_up=0,  # a step cannot be made twice; the first is left out below
    )
    shares, flops, real = profile(ours)
    per_example = flops / recipe.batch_size
    gemm = rates[RATE][1:]
    return {
        "task": recipe.task,
        "models": {"encoder": recipe.encoder, "llm": recipe.llm},
        "fusion": "transformer-softmax",
        "batch_size": recipe.batch_size,
        "steps": recipe.steps,
        "baseline": PLAIN,
        "systems": {
            name: {
                "examples_per_second": summary(rates[name][1:]),
                "ratio": paired_ratio(rates[name][1:], rates[PLAIN][1:], seed=recipe.seed),
            }
            for name in (OURS, SAME, PLAIN)
        },
        "losses": {
            "ours": losses[SAME],
            "plain": losses[PLAIN],
            "largest_difference": max(abs(a - b) for a, b in zip(losses[SAME], losses[PLAIN], strict=True)),
        },
        "shares": shares,
        "floor": {
            "gflop_per_step": flops / 1e9,
            "gemm_gflops": summary([rate / 1e9 for rate in gemm]),
            # What the step would take at that rate, as a share of what it takes.
            "share": paired_ratio([rate * per_example for rate in rates[OURS][1:]], gemm, seed=recipe.seed),
            "real_tokens": real,
        },
    }


def peak_of(name: str, recipe: Recipe) -> dict[str, int]:
    """Return the peak memory of the longest batches of one side, which has the process for itself."""
    models = FrozenModels()
    examples = read_recipe(recipe)
    ours = build_ours(recipe, models, examples)
    given = unsorted_batches(len(examples), recipe)
    if name != OURS:
        ours.given = given
    batches = [ours.batches(number)[0] for number in range(recipe.steps)]
    batches.sort(key=lambda batch: -max(ours.lengths[i] for i in batch))
    chosen = ours.given = batches[:PEAK_STEPS]
    if name == PLAIN:
        total = ours.total
        del ours
        plain = build_plain(recipe, models, total)
        return peak_during(lambda: [plain.update([examples[i] for i in batch]) for batch in chosen]).as_dict()
    return peak_during(lambda: [ours.step() for _ in chosen]).as_dict()


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


def build_ours(recipe: Recipe, models: FrozenModels, examples: list[Example]) -> Steps:
    """Return our trainer, which writes nothing: its folder is never made."""
    bridge, config = build_bridge(recipe, models), train_config(recipe)
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


def profile(trainer: Steps) -> tuple[dict[str, dict[str, float]], int, float]:
    """Return where the time of our own batches goes, a step's FLOPs, and the share of real tokens.

    Returns:
        Part → summary of its share of a step; the mean FLOPs of a step's matrix products; and real encoder
        tokens divided by all places of the batches.
    """
    trainer.progress.updates = 0
    number = min(8, trainer.total)
    rows, flops, real, places = [], 0, 0, 0
    for update in range(number):
        batch = trainer.batches(update)[0]
        lengths = [trainer.lengths[i] for i in batch]
        real, places = real + sum(lengths), places + len(batch) * max(lengths)
        staged_step(trainer, batch)  # to warm up
        rows.append(staged_step(trainer, batch))
        flops += count_flops(lambda batch=batch: staged_step(trainer, batch))
    shares = {part: summary([row[part] / sum(row.values()) for row in rows]) for part in PARTS}
    return shares, flops // number, real / places


def staged_step(trainer: Steps, batch: list[int]) -> dict[str, float]:
    """Make one step in stages, the numbers of `Trainer.update`; return the seconds of each part.

    The soft tokens are cut out of the graph and their gradient is handed on, so that the LLM's backward pass
    and the fusion's are two calls.
    """
    bridge, task = trainer.bridge.train(), trainer.task
    examples = [trainer.train_examples[i] for i in batch]
    texts, answers = [e.text for e in examples], [task.answer(e.label) for e in examples]
    inside: list[float] = []
    hooks = [
        bridge.encoder.register_forward_pre_hook(lambda *_: inside.append(-time.perf_counter())),
        bridge.encoder.register_forward_hook(lambda *_: inside.append(time.perf_counter())),
    ]
    times = [time.perf_counter()]
    soft = bridge.soft_tokens(texts)
    times.append(time.perf_counter())
    for hook in hooks:
        hook.remove()
    cut = soft.embeddings.detach().requires_grad_()
    # The boundary vector stands behind the soft tokens; its own gradient comes out of the LLM's backward.
    loss = bridge.answer_loss(cut, soft.mask, answers, trainer.frame, soft.prompt)
    times.append(time.perf_counter())
    loss.backward()
    times.append(time.perf_counter())
    soft.embeddings.backward(cut.grad)
    times.append(time.perf_counter())
    torch.nn.utils.clip_grad_norm_(trainer.parameters.values(), trainer.config.max_gradient_norm)
    trainer.optimizer.step()
    trainer.optimizer.zero_grad(set_to_none=True)
    times.append(time.perf_counter())
    took = [after - before for before, after in pairwise(times)]
    encoder = sum(inside)
    return dict(zip(PARTS, [encoder, took[0] - encoder, *took[1:]], strict=True))
