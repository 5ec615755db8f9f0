import argparse

import pytest

from train_cli.benchmark.sizes import size_list
from train_cli.benchmark.texts import ENGLISH, SINHALA, text_of


@pytest.mark.parametrize("tokens", [1, 7, 64, 1000])
def test_a_text_has_as_many_tokens_as_asked_for(tokens):
    assert len(text_of(tokens, len)) == tokens


def test_where_the_number_cannot_be_met_it_is_less():
    assert text_of(4, lambda text: 3 * len(text), ENGLISH) == "A"


def test_the_text_is_repeated():
    assert text_of(3, len, "ab") == "ab "
    assert text_of(2 * len(SINHALA) + 1, len).endswith(SINHALA)


def test_sizes_are_sorted_and_different():
    assert size_list("64,16,16") == [16, 64]


@pytest.mark.parametrize("text", ["16", "16,16", "0,2", "a,b", "1.5,2", ""])
def test_wrong_sizes_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        size_list(text)
