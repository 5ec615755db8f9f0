"""A visitor's conversation: what is sent, and what is shown of it."""

from types import SimpleNamespace

from fusion_demo.chat import Message
from fusion_demo.ui.chat_state import WAITING, Exchange, Running, bubbles, is_busy

SAID = [Exchange("  බල්ලා ", SimpleNamespace(text="බල්ලා", echo="the dog", answer="<b>Woof</b>"))]


def test_a_conversation_is_sent_as_it_was_read_with_its_echoes():
    assert Running("next", SAID, SAID).messages() == [
        Message("user", "බල්ලා", "the dog"),
        Message("assistant", "<b>Woof</b>"),
        Message("user", "next"),
    ]


def test_an_answered_message_may_be_asked_again():
    again = Running(SAID[0].text, SAID, [])
    assert again.answered
    assert not Running("next", SAID, SAID).answered
    assert again.messages() == [Message("user", "  බල්ලා ")]


def test_it_is_shown_as_it_was_typed_and_nothing_of_it_is_html():
    assert bubbles(SAID, "<img>", "") == [
        {"role": "user", "content": "  බල්ලා "},
        {"role": "assistant", "content": "&lt;b&gt;Woof&lt;/b&gt;"},
        {"role": "user", "content": "&lt;img&gt;"},
        {"role": "assistant", "content": WAITING},
    ]
    assert bubbles([]) == []


def test_a_message_is_busy_until_it_has_ended():
    running = Running("a", [], [])
    assert is_busy(running)
    running.ended = True
    assert not is_busy(running)
    assert not is_busy(None)


def test_a_conversation_that_is_being_cleared_takes_no_message():
    running = Running("a", [], [])
    running.ended = running.dismissed = True
    assert is_busy(running)
