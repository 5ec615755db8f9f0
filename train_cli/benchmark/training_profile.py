"""Where the time of a training step goes, and how many FLOPs each one has."""

import time
from itertools import pairwise

import torch

from train_cli.benchmark.products import count_flops
from train_cli.benchmark.rounds import summary
from train_cli.benchmark.training_sides import Steps

PARTS = ("encoder", "fusion", "LLM forward", "LLM backward", "fusion backward", "optimizer")


def profile(trainer: Steps) -> tuple[dict[str, dict[str, float]], float]:
    """Return where the time of our own batches goes, and the share of real tokens.

    Returns:
        Part → summary of its share of a step; and real encoder tokens divided by all places of the batches.
    """
    trainer.progress.updates = 0
    number = min(8, trainer.total)
    rows, real, places = [], 0, 0
    for update in range(number):
        batch = trainer.batches(update)[0]
        lengths = [trainer.lengths[i] for i in batch]
        real, places = real + sum(lengths), places + len(batch) * max(lengths)
        staged_step(trainer, batch)  # to warm up
        rows.append(staged_step(trainer, batch))
    shares = {part: summary([row[part] / sum(row.values()) for row in rows]) for part in PARTS}
    return shares, real / places


def step_flops(trainer: Steps) -> list[int]:
    """Return the FLOPs of the matrix products of each step of a training."""
    staged_step(trainer, trainer.batches(0)[0])  # reads the prefix, once for all steps
    return [
        count_flops(lambda batch=batch: staged_step(trainer, batch))
        for update in range(trainer.total)
        for batch in trainer.batches(update)
    ]


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
