"""Which examples form which batch: a pure function of the seed, so that a resumed training repeats it."""

import random
from collections.abc import Sequence

from fusion_demo.config import TrainConfig

BUCKET_BATCHES = 50


def epoch_batches(lengths: list[int], batch_size: int, seed: int) -> list[list[int]]:
    """Return the batches of one epoch: indices of examples of like length, in random order.

    Examples are shuffled, cut into buckets of 50 batches, and sorted by length within each
    bucket. So batches are nearly free of padding and still differ from epoch to epoch.
    The last batch may be smaller.

    Args:
        lengths: Tokens of each example.
        batch_size: Examples per batch.
        seed: Of the shuffle; give another one for each epoch.

    Example: lengths (3, 9, 3, 9) in batches of 2 -> [[0, 2], [1, 3]] or [[1, 3], [0, 2]].
    """
    chance = random.Random(seed)
    order = list(range(len(lengths)))
    chance.shuffle(order)
    bucket_size = batch_size * BUCKET_BATCHES
    batches = []
    for start in range(0, len(order), bucket_size):
        bucket = sorted(order[start : start + bucket_size], key=lengths.__getitem__)
        batches += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    chance.shuffle(batches)
    return batches


def update_batches(
    lengths: list[int], config: TrainConfig, processes: int, epoch: int
) -> list[list[list[int]]]:
    """Return the updates of one epoch, each as the batches that all processes share.

    An update's examples are one batch of `batch_size * gradient_accumulation * processes`, cut into pieces:
    what is learned from depends on that product alone.

    Args:
        lengths: Tokens of each example.
        config: Gives sizes and seed.
        processes: How many share a batch.
        epoch: From 0.
    """
    size = config.batch_size * processes
    updates = epoch_batches(lengths, size * config.gradient_accumulation, seed=config.seed + epoch)
    return [[update[i : i + size] for i in range(0, len(update), size)] for update in updates]


def examples_seen(lengths: list[int], config: TrainConfig, processes: int, updates: int) -> int:
    """Return how many examples the first `updates` updates of a training read; see `update_batches`."""
    per_epoch = len(update_batches(lengths, config, processes, 0))
    epochs, position = divmod(updates, per_epoch)
    last = update_batches(lengths, config, processes, epochs)[:position]
    return epochs * len(lengths) + sum(len(batch) for update in last for batch in update)


def share_of(
    batch: list[int], tokens: Sequence[int], process: int, processes: int
) -> tuple[list[int], float]:
    """Return a process's part of a batch, and what its mean loss counts in the mean over processes.

    A mean loss is a mean over answer tokens, so a part counts by its share of them: the mean over processes
    is then the mean loss of the whole batch. A process for which nothing is left reads an example all the
    same, which counts nothing: the others wait for its gradients.

    Args:
        batch: Indices of examples, at least one.
        tokens: Answer tokens of each training example, by its index; at least one each.
        process: From 0.
        processes: How many share the batch.

    Example: [5, 6, 7], of 1, 1 and 2 answer tokens, between 2 -> ([5, 7], 1.5) and ([6], 0.5).
    """
    own = batch[process::processes]
    if not own:
        return batch[:1], 0.0
    return own, processes * sum(tokens[i] for i in own) / sum(tokens[i] for i in batch)
