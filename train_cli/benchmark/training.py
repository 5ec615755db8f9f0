"""`benchmark training`: a step of `Trainer` against `plain_training`, and its floor."""

import argparse
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fusion_demo.config import BridgeConfig
from fusion_demo.errors import ConfigError
from fusion_demo.frozen import FrozenModels
from train_cli.arguments import count
from train_cli.benchmark.flops import count_flops
from train_cli.benchmark.machine import gemm_rate, held_gemm_rate
from train_cli.benchmark.memory import in_child, peak_during
from train_cli.benchmark.rounds import Around, interleave, paired_ratio, summary
from train_cli.benchmark.training_sides import (
    Recipe,
    Steps,
    build_ours,
    build_plain,
    read_recipe,
    unsorted_batches,
)

OURS, SAME, PLAIN = "ours", "ours, the plain one's batches", "plain"
RECOMPUTED = "ours, two thirds of the LLM's layers recomputed"
SHARE_RECOMPUTED = {RECOMPUTED: 2 / 3}
PEAK_STEPS = 3
"""Steps of which the peak memory is taken: those with the longest batches."""
EXACT_BATCH = 4
"""Examples of a step in float64, which takes twice the time and memory."""


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
    print("losses in float64 ...", flush=True)
    exact = dataclasses.replace(recipe, batch_size=min(recipe.batch_size, EXACT_BATCH))
    report["exact_losses"] = in_child(exact_losses, exact)
    plain = report["systems"][PLAIN]["peak_bytes"]
    for row in report["systems"].values():
        row["peak_ratio"] = row["peak_bytes"] / plain
    return report


def time_steps(recipe: Recipe) -> dict[str, Any]:
    """Return rates and losses of both sides, and the floor of ours."""
    models = FrozenModels()
    examples = read_recipe(recipe)
    given = unsorted_batches(len(examples), recipe)
    ours, same = (build_ours(recipe, models, examples) for _ in range(2))
    recomputed = build_ours(recipe, models, examples, recompute=SHARE_RECOMPUTED[RECOMPUTED])
    same.given = given
    plain = build_plain(recipe, models, same.total)
    losses: dict[str, list[float]] = {SAME: [], PLAIN: []}
    held, best = Around(held_gemm_rate), Around(gemm_rate)

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
            OURS: held(best(timed(OURS, lambda _: ours.step(), lambda n: len(ours.batches(n)[0])))),
            RECOMPUTED: timed(
                RECOMPUTED, lambda _: recomputed.step(), lambda n: len(recomputed.batches(n)[0])
            ),
            SAME: timed(SAME, lambda _: same.step(), lambda n: len(given[n])),
            PLAIN: timed(
                PLAIN, lambda n: plain.update([examples[i] for i in given[n]]), lambda n: len(given[n])
            ),
        },
        recipe.steps,
        warm_up=0,  # a step cannot be made twice; the first is left out below
    )
    flops = step_flops(ours)
    sizes = [len(ours.batches(number)[0]) for number in range(recipe.steps)]
    reached = [rate * work / size for rate, work, size in zip(rates[OURS], flops, sizes, strict=True)]
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
            for name in (OURS, RECOMPUTED, SAME, PLAIN)
        },
        "losses": compare_losses(losses[SAME], losses[PLAIN]),
        "floor": {
            "gflop_per_step": sum(flops) / len(flops) / 1e9,
            # What each step would take at the rate that products held around it, as a share of what it takes;
            # and at that of the fastest of three.
            "gemm_gflops": summary([rate / 1e9 for rate in held.values[1:]]),
            "share": paired_ratio(reached[1:], held.values[1:], seed=recipe.seed),
            "best_gemm_gflops": summary([rate / 1e9 for rate in best.values[1:]]),
            "best_share": paired_ratio(reached[1:], best.values[1:], seed=recipe.seed),
            "real_tokens": real_tokens(ours),
        },
    }


def step_flops(trainer: Steps) -> list[int]:
    """Return the FLOPs of the matrix products of each step of a training, which is made for it."""
    trainer.progress.updates = 0
    trainer.step()  # reads the prefix, once for all steps
    trainer.progress.updates = 0
    return [count_flops(trainer.step) for _ in range(trainer.total)]


def real_tokens(trainer: Steps) -> float:
    """Return the encoder's tokens divided by all places of a training's batches, padding included."""
    lengths = [[trainer.lengths[i] for i in trainer.batches(n)[0]] for n in range(trainer.total)]
    return sum(map(sum, lengths)) / sum(len(batch) * max(batch) for batch in lengths)


def peak_of(name: str, recipe: Recipe) -> dict[str, int]:
    """Return the peak memory of the longest batches of one side, which has the process for itself."""
    models = FrozenModels()
    examples = read_recipe(recipe)
    ours = build_ours(recipe, models, examples, recompute=SHARE_RECOMPUTED.get(name, 0.0))
    given = unsorted_batches(len(examples), recipe)
    if name in (SAME, PLAIN):
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


def exact_losses(recipe: Recipe) -> dict[str, Any]:
    """Return the losses of both sides in float64, as `compare_losses` does, and their `batch_size`.

    A training multiplies the rounding of its first steps with each further one. In float64 there is little
    of it, so a larger difference would be one of the two steps themselves. How much rounding alone makes is
    `order_difference`: that of our step to itself with the examples of each batch in reverse.
    """
    models = FrozenModels(dtype=torch.float64)
    examples = read_recipe(recipe)
    given = unsorted_batches(len(examples), recipe)
    ours, reverse = (build_ours(recipe, models, examples) for _ in range(2))
    ours.given, reverse.given = given, [batch[::-1] for batch in given]
    plain = build_plain(recipe, models, ours.total)
    for bridge in (ours.bridge, reverse.bridge, plain.bridge):
        bridge.double()  # what is trained; the optimizers keep these parameters
    with StaysDouble():
        losses = [
            (ours.step(), plain.update([examples[i] for i in batch]), reverse.step()) for batch in given
        ]
    mine, theirs, other = map(list, zip(*losses, strict=True))
    return {
        "batch_size": recipe.batch_size,
        "order_difference": compare_losses(mine, other)["largest_difference"],
        **compare_losses(mine, theirs),
    }


class StaysDouble(TorchFunctionMode):
    """Keep float64 numbers as they are where code asks for float32.

    transformers' norms and losses do, for models of less than float32; here it would round what they get.
    """

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: Any = None
    ) -> Any:
        """Call a function of torch, a conversion of float64 to float32 excepted."""
        options = options or {}
        asked = (torch.float32,) if function is Tensor.float else (*arguments[1:], *options.values())
        converts = function in (Tensor.float, Tensor.to) and torch.float32 in asked
        if converts and arguments[0].dtype == torch.float64:
            return arguments[0]
        return function(*arguments, **options)


def compare_losses(ours: list[float], plain: list[float]) -> dict[str, Any]:
    """Return both lists and their `largest_difference`, in nats."""
    largest = max(abs(one - other) for one, other in zip(ours, plain, strict=True))
    return {"ours": ours, "plain": plain, "largest_difference": largest}
