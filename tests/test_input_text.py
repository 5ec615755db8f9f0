"""What is left of a text that was typed, and what is refused."""

import pytest

from fusion_demo.errors import InputError
from fusion_demo.input_text import MAX_CHARACTERS, check_known, readable_text, visible_text
from fusion_demo.tokens import Token


@pytest.mark.parametrize(
    ("text", "readable", "removed"),
    [
        (" a\x00b\n\nc", "ab c", 1),
        ("a\tb\r\nc\x85d\u00a0e ", "a b c d e", 0),
        ("\ufeffශ්\u200dරී ලංකා", "ශ්\u200dරී ලංකා", 1),
        ("می\u200cخواهم", "می\u200cخواهم", 0),
        ("ភាសា\u200bខ្មែរ", "ភាសា\u200bខ្មែរ", 0),
        ("a\u202eb\u2066c\u2069", "abc", 3),
        ("x\ud83dy", "xy", 1),
        ("සිංහල", "සිංහල", 0),
    ],
)
def test_what_is_left_of_a_text(text, readable, removed):
    assert readable_text(text) == (readable, removed)


def test_a_refusal_names_the_text_as_the_page_does():
    with pytest.raises(InputError, match="There is no message to read"):
        readable_text("\u200b", "message")
    with pytest.raises(InputError, match=r"The message has 5,001 characters; at most 5,000"):
        readable_text("x" * (MAX_CHARACTERS + 1), "message")
    assert visible_text("\x00 \u202e") == ("", 2)


def test_a_text_without_a_known_token_is_refused():
    special, unknown, space = Token("<s>", -1, special=True), Token("?", 0, unknown=True), Token("▁", 0)
    with pytest.raises(InputError, match="knows none of the characters in this message"):
        check_known([special, unknown, space], "message")
    check_known([special, unknown, Token("a", 0)], "message")
