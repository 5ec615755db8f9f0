import pytest

from fusion_demo.batching import batches_by_length, text_length


def test_worked_example_of_the_docstring():
    assert batches_by_length(("aaa", "b", "cc"), 2) == [[1, 2], [0]]


def test_a_pair_is_as_long_as_both_its_parts():
    assert text_length(("ab", "cde")) == 5
    assert batches_by_length([("aa", "b"), "cc", ("", "d")], 1) == [[2], [1], [0]]


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_every_text_is_in_one_batch_and_equals_keep_their_order(batch_size):
    texts = ["x" * (index * 7 % 5) for index in range(23)]
    batches = batches_by_length(texts, batch_size)
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    order = [index for batch in batches for index in batch]
    assert order == sorted(range(23), key=lambda index: (len(texts[index]), index))


def test_no_texts_make_no_batches():
    assert batches_by_length([], 4) == []
