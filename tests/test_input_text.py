"""What is left of a text that was typed, and what is refused."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("Vie\u0323\u0302t Nam", "Việt Nam", 0),
        ("Viê\u0323t", "Việt", 0),  # as the keyboard of Windows sends it
        ("Ε\u0301κτακτα", "Έκτακτα", 0),
        ("ක\u0dd9\u0dcfළඹ", "කොළඹ", 0),
        ("e\u202e\u0301", "é", 1),  # composed when what stood between is gone
    ],
)
def test_what_is_left_of_a_text(text, readable, removed):
    assert readable_text(text) == (readable, removed)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@given(text=st.text(st.sampled_from("aeêoư\u0300\u0323\u0302\u031b කො\u0dcaਖ਼ি가\u11a8\u200d\x00")))
def test_a_text_is_the_same_in_either_form_and_stays_it(form, text):
    read = visible_text(unicodedata.normalize(form, text))[0]
    assert read == unicodedata.normalize("NFC", read) == visible_text(read)[0]
    assert read == visible_text(text)[0]


def test_a_text_that_grows_when_it_is_composed_is_not_longer_than_allowed():
    with pytest.raises(InputError, match=r"The text has 5,002 characters; at most 5,000"):
        readable_text("\u0958" * (MAX_CHARACTERS // 2 + 1))


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
