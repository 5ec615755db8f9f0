"""The questions are in the languages that they say they are in, with their meaning in English."""

import pytest

from fusion_demo.detection import detect_language
from fusion_demo.input_text import readable_text
from fusion_demo.languages import LANGUAGES
from fusion_demo.ui.chat_examples import CHAT_EXAMPLES


def test_there_are_at_least_ten_languages_and_sinhala_is_first():
    codes = [code for code, *_ in CHAT_EXAMPLES]
    assert codes[0] == "si"
    assert len(set(codes)) == len(codes) >= 10
    assert {"si", "ta", "bn", "hi", "as", "or", "sw", "ur", "ar", "th"} <= set(codes)
    assert {LANGUAGES[code].direction for code in codes} == {"ltr", "rtl"}


@pytest.mark.parametrize(("code", "question", "meaning"), CHAT_EXAMPLES)
def test_a_question_is_plain_text_in_its_language(code, question, meaning):
    assert detect_language(question) == code
    assert readable_text(question) == (question, 0)
    assert meaning.endswith("?")
    assert meaning.isascii()
