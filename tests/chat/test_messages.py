"""Which messages make a conversation, and how they are cleaned."""

import pytest

from fusion_demo.chat import ASSISTANT, USER, Message, check_messages
from fusion_demo.chat.messages import MAX_MESSAGES
from fusion_demo.errors import InputError


def user(text, echo=""):
    return Message(USER, text, echo)


def assistant(text):
    return Message(ASSISTANT, text)


def test_messages_are_cleaned_and_an_answer_keeps_its_lines():
    clean, removed = check_messages(
        [user(" a\x00\n b", "the\x00  echo\n"), assistant(" one\x07\n\n two  three "), user("c\x00\u202ed")]
    )
    assert clean == [user("a b", "the echo"), assistant("one\n\ntwo three"), user("cd")]
    assert removed == 2  # of the last message alone


def test_an_answer_that_was_stopped_at_once_may_be_empty():
    clean, _ = check_messages([user("a"), assistant(""), user("b")])
    assert clean[1] == assistant("")


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "There is no message to answer"),
        ([user("a"), assistant("b")], "The last message is an answer"),
        ([assistant("b"), user("a")], "Message 1 is the assistant's"),
        ([user("a"), user("b")], "Message 2 is the user's. User and assistant take turns"),
        ([Message("system", "a")], "Unknown role 'system' of a message. Available: user, assistant"),
        ([user("")], "There is no message to read"),
        ([user("\u200b")], "There is no message to read"),
        ([user(" "), assistant("b"), user("c")], "There is no message to read"),
        ([user("x" * 5_001)], "The message has 5,001 characters"),
        ([user("a", "x" * 5_001), assistant("b"), user("c")], "The echo of a message has 5,001"),
        ([user("a"), assistant("x" * 5_001), user("c")], "The answer in the history has 5,001"),
        ([user("a"), assistant("b")] * (MAX_MESSAGES // 2) + [user("c")], "has 201 messages; at most 200"),
    ],
)
def test_what_is_no_conversation_is_refused_with_a_sentence(messages, message):
    with pytest.raises(InputError, match=message):
        check_messages(messages)
