"""Which way a text is written."""

import pytest

from fusion_demo.languages import LANGUAGES
from fusion_demo.ui.direction import text_direction


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("BBC اردو سروس", "rtl"),
        ("Sinhala: සිංහල", "ltr"),
        ("שלום", "rtl"),
        ("2026, 2027", "ltr"),
        ("😀", "ltr"),
        ("", "ltr"),
    ],
)
def test_most_letters_decide(text, direction):
    assert text_direction(text) == direction


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_it_agrees_with_the_language_list(language):
    assert text_direction(language.own_name) == language.direction
