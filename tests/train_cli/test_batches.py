import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_demo.config import TrainConfig
from train_cli.batches import BUCKET_BATCHES, epoch_batches, examples_seen, share_of, update_batches


@given(st.lists(st.integers(1, 60), max_size=200), st.integers(1, 9), st.integers(0, 5))
def test_every_example_comes_once(lengths, batch_size, seed):
    batches = epoch_batches(lengths, batch_size, seed)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_the_docstrings_example():
    batches = {frozenset(batch) for batch in epoch_batches([3, 9, 3, 9], 2, seed=0)}
    assert batches == {frozenset({0, 2}), frozenset({1, 3})}


def test_the_seed_alone_decides():
    lengths = [i % 17 for i in range(500)]
    assert epoch_batches(lengths, 8, 3) == epoch_batches(lengths, 8, 3)
    assert epoch_batches(lengths, 8, 3) != epoch_batches(lengths, 8, 4)


def test_batches_hold_texts_of_like_length():
    lengths = [(i * 7919) % 50 for i in range(16 * BUCKET_BATCHES)]
    batches = epoch_batches(lengths, 16, 0)
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)


@pytest.mark.parametrize(
    ("batch", "processes", "shares"),
    [
        ([5, 6, 7], 1, [([5, 6, 7], 1.0)]),
        ([5, 6, 7], 2, [([5, 7], 1.5), ([6], 0.5)]),
        ([5, 6, 7, 8], 2, [([5, 7], 1.2), ([6, 8], 0.8)]),
        ([5], 2, [([5], 2.0), ([5], 0.0)]),
    ],
)
def test_processes_share_a_batch(batch, processes, shares):
    tokens = [9, 9, 9, 9, 9, 1, 1, 2, 1]
    assert [share_of(batch, tokens, process, processes) for process in range(processes)] == shares


@given(st.integers(1, 12), st.integers(1, 16), st.randoms(use_true_random=False))
def test_the_mean_over_processes_is_the_mean_over_the_whole_batch(size, processes, chance):
    """Each process knows the mean loss of its own answers' tokens alone."""
    losses = [[chance.uniform(0, 9) for _ in range(chance.randint(1, 7))] for _ in range(20)]
    batch = chance.sample(range(20), size)

    def mean_loss(examples):
        each = [loss for example in examples for loss in losses[example]]
        return sum(each) / len(each)

    shares = [share_of(batch, [len(row) for row in losses], i, processes) for i in range(processes)]
    mean = sum(weight * mean_loss(own) for own, weight in shares) / processes
    assert mean == pytest.approx(mean_loss(batch))
    assert all(own for own, _ in shares)  # every process has a gradient to hand over
    assert sorted(i for own, weight in shares if weight for i in own) == sorted(batch)
    assert sum(weight == 0 for _, weight in shares) == max(0, processes - size)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(0, 3))
def test_an_update_is_the_same_however_it_is_cut(lengths, epoch):
    cut = [
        update_batches(lengths, TrainConfig(batch_size=size, gradient_accumulation=steps), processes, epoch)
        for size, steps, processes in ((12, 1, 1), (4, 3, 1), (3, 2, 2), (1, 12, 1), (6, 1, 2))
    ]
    whole = [[i for batch in update for i in batch] for update in cut[0]]
    assert sorted(i for update in whole for i in update) == list(range(len(lengths)))
    for updates in cut[1:]:
        assert [[i for batch in update for i in batch] for update in updates] == whole


def test_the_examples_of_a_smaller_update_are_counted_as_they_are():
    config = TrainConfig(batch_size=2, gradient_accumulation=2)
    lengths = [3, 9, 3, 9, 4, 6]
    sizes = [sum(map(len, update)) for update in update_batches(lengths, config, 1, 0)]
    assert sorted(sizes) == [2, 4]
    assert [examples_seen(lengths, config, 1, n) for n in (0, 1, 2)] == [0, sizes[0], 6]
    assert examples_seen(lengths, config, 1, 4) == 12
