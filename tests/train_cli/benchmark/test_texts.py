import pytest

from train_cli.benchmark.texts import ENGLISH, SINHALA, text_of


@pytest.mark.parametrize("tokens", [1, 7, 64, 1000])
def test_a_text_has_as_many_tokens_as_asked_for(tokens):
    assert len(text_of(tokens, len)) == tokens


def test_where_the_number_cannot_be_met_it_is_less():
    assert text_of(4, lambda text: 3 * len(text), ENGLISH) == "A"


def test_the_text_is_repeated():
    assert text_of(3, len, "ab") == "ab "
    assert text_of(2 * len(SINHALA) + 1, len).endswith(SINHALA)
