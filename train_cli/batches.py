"""Which examples form which batch: a pure function of the seed, so that a resumed training repeats it."""

import random

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


def share_of(batch: list[int], process: int, processes: int) -> list[int]:
    """Return the part of a batch that one of several processes works on; never empty.

    Example: the batch [5, 6, 7] between 2 processes -> [5, 7] and [6].
    """
    return batch[process::processes] or batch[:1]
