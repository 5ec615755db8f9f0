"""The messages of a conversation, and which of them make one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fusion_demo.errors import InputError
from fusion_demo.input_text import check_length, readable_text, visible_text

USER, ASSISTANT = "user", "assistant"
MAX_MESSAGES = 200
"""Longest conversation taken. The LLM's window holds far fewer, see `history`."""


@dataclass(frozen=True)
class Message:
    """What one side said.

    Attributes:
        role: `USER` or `ASSISTANT`.
        text: What was said.
        echo: For a user, the English words it was understood as; may be empty.
    """

    role: str
    text: str
    echo: str = ""


def check_messages(messages: Sequence[Message]) -> tuple[list[Message], int]:
    """Return a conversation as the models get it, and how many characters of its last message were left out.

    A user's messages are cleaned by `readable_text`; an answer keeps its line breaks and may be empty, as
    one that was stopped at once is.

    Raises:
        InputError: there is no message, there are more than `MAX_MESSAGES`, a role is unknown, user and
            assistant do not take turns from the user's first message to the user's last, or a text is too
            long or empty.
    """
    if not messages:
        raise InputError("There is no message to answer. Type one in any language.")
    if len(messages) > MAX_MESSAGES:
        raise InputError(
            f"The conversation has {len(messages)} messages; at most {MAX_MESSAGES} can be read. "
            "Leave out the oldest, or start a new conversation."
        )
    clean: list[Message] = []
    removed = 0
    for index, message in enumerate(messages):
        if message.role not in (USER, ASSISTANT):
            raise InputError(f"Unknown role '{message.role}' of a message. Available: {USER}, {ASSISTANT}.")
        if message.role != (USER, ASSISTANT)[index % 2]:
            raise InputError(
                f"Message {index + 1} is the {message.role}'s. User and assistant take turns, the user first."
            )
        if message.role == USER:
            text, removed = readable_text(message.text, "message")
            check_length(message.echo, "echo of a message")
            clean.append(replace(message, text=text, echo=visible_text(message.echo)[0]))
        else:
            check_length(message.text, "answer in the history")
            lines = [visible_text(line)[0] for line in message.text.splitlines()]
            clean.append(replace(message, text="\n".join(lines).strip(), echo=""))
    if clean[-1].role != USER:
        raise InputError("The last message is an answer. End with a message of the user.")
    return clean, removed
