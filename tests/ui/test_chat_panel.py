"""What the tab Chat shows of one message."""

import dataclasses
import re

import numpy as np
import pytest

from fusion_demo.chat import ChatTurn, Heard
from fusion_demo.tokens import Token
from fusion_demo.ui.chat_panel import heard_words, message_choices, turn_facts, understood
from fusion_demo.ui.translations import in_english

NEAR = (("rain", 0.5), ("<b>", 0.25))
TURN = ChatTurn(
    checkpoint="chat-tiny",
    text="بارش کب",
    fields=("message",),
    answer="Tomorrow.",
    echo="when <i>rain</i>",
    similarity=0.912,
    language="ur",
    straight=False,
    tokens=[
        Token("<s>", -1, special=True),
        Token("با", 0),
        Token("رش", 0),
        Token("کب", 1),
        Token("</s>", -1, special=True),
    ],
    parts=[0] * 5,
    layers=[1, 2],
    layer_weights=np.full((5, 2), 0.5, np.float32),
    hears=[
        Heard("", -1, False, NEAR),
        Heard("<s>", -1, True, NEAR),
        Heard("با", 0, False, NEAR),
        Heard("رش", 0, False, NEAR),
        Heard("کب", 1, False, NEAR),
        Heard("</s>", -1, True, NEAR),
    ],
    soft_tokens=6,
    tokens_in=40,
    tokens_out=12,
    first_token_milliseconds=234.5,
    token_milliseconds=78.9,
    dropped=0,
    truncated=False,
    prompt_truncated=False,
    removed=0,
    cut=False,
    stopped=False,
    understood="well",
)


def change(**values):
    return dataclasses.replace(TURN, **values)


def words_of(page):
    return re.sub("<[^>]+>", " ", page).split()


def test_the_facts_of_a_plain_turn():
    facts = words_of(turn_facts(TURN))
    expected = (
        "Language Urdu · اردو Soft tokens 6 Tokens in 40 Tokens out 12 First token 234 ms Each further 79 ms"
    )
    assert facts == expected.split()
    assert "Each further" not in turn_facts(change(tokens_out=1))


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"dropped": 2}, "the oldest 2 messages were left out"),
        ({"cut": True}, "The answer reached its greatest length"),
        ({"stopped": True}, "It was stopped"),
        ({"truncated": True}, "only its first 3 tokens were read"),
        ({"prompt_truncated": True}, "the LLM itself read only its beginning"),
        ({"removed": 1}, "1 control character was left out"),
        ({"language": None}, "not recognised"),
    ],
)
def test_what_a_reader_should_know_is_said(values, note):
    assert note in turn_facts(change(**values))
    assert note not in turn_facts(TURN)


def test_the_echo_is_text_and_where_it_is_missing_it_is_said_why():
    assert "&lt;i&gt;rain&lt;/i&gt;" in understood(TURN)
    assert "…" in understood(change(echo="", understood=""))
    assert "Understood well:" in in_english(understood(TURN))
    assert "cosine 0.91" in understood(TURN)
    for level, words in (("partly", "Understood partly:"), ("hardly", "Hardly understood:")):
        assert words in in_english(understood(change(understood=level)))
    assert "Understood as:" in in_english(understood(change(understood="")))
    assert "It went straight in" in in_english(understood(change(straight=True)))


def test_each_part_stands_above_its_words_and_those_of_a_word_together():
    page = heard_words(TURN)
    assert page.startswith('<div class="heard" dir="rtl" data-heatmap="rtl">')
    boxes = page.split('<div class="heard-word">')[1:]
    names = [re.findall("<bdi>([^<]*)</bdi>", box) for box in boxes]
    assert names == [["whole message"], ["&lt;s&gt;"], ["با", "رش"], ["کب"], ["&lt;/s&gt;"]]
    assert page.count(">rain</div>") == page.count("&lt;b&gt;") == len(TURN.hears)
    assert 'title="cosine 0.500">rain' in page
    assert "<b>" not in page
    assert heard_words(change(text="good day")).startswith('<div class="heard" dir="ltr"')


def test_a_bridge_without_words_can_be_shown():
    parts = [dataclasses.replace(part, nearest=()) for part in TURN.hears]
    assert words_of(heard_words(change(hears=parts)))[:2] == ["whole", "message"]
    assert heard_words(change(hears=[])).count("<div") == 1


def test_messages_are_listed_by_number_and_beginning():
    choices = message_choices(["Hello", "x" * 50])
    assert choices[0] == ("1 · \u2068Hello\u2069", 0)
    assert choices[1] == (f"2 · \u2068{'x' * 39}…\u2069", 1)
