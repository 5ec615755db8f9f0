"""A visitor's conversation in the tab Chat: what was said, and the answer that is being written."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from fusion_demo.chat import ASSISTANT, USER, ChatTurn, Message

WAITING = "…"


@dataclass(frozen=True)
class Exchange:
    """A message and its answer.

    Attributes:
        text: The message as it was typed.
        turn: The answer, and what it was made from.
    """

    text: str
    turn: ChatTurn


@dataclass
class Running:
    """A message that is being answered; the same object for the button that starts and the one that stops.

    Attributes:
        text: The message as it was typed.
        kept: The conversation as it is if nothing more comes of it.
        before: What the message follows.
        stop: Ends the answer when set.
        begun: Whether its turn has come, or never will.
        ended: Whether nothing more is to come.
        silent: Set once no update of its turn can come any more.
        dismissed: Whether the conversation was cleared, so that nothing more is to be shown.
    """

    text: str
    kept: list[Exchange]
    before: list[Exchange]
    stop: Event = field(default_factory=Event)
    silent: Event = field(default_factory=Event)
    begun: bool = False
    ended: bool = False
    dismissed: bool = False

    @property
    def answered(self) -> bool:
        """Whether the message is part of what is kept: answered already, or being answered anew."""
        return len(self.before) < len(self.kept)

    def messages(self) -> list[Message]:
        """Return the conversation up to the message that is to be answered."""
        said = []
        for exchange in self.before:
            said += [
                Message(USER, exchange.turn.text, exchange.turn.echo),
                Message(ASSISTANT, exchange.turn.answer),
            ]
        return [*said, Message(USER, self.text)]


def is_busy(running: Running | None) -> bool:
    """Whether an answer is being written or waits for its turn, or the conversation is being cleared.

    A message that is sent while the page still hears of the clearing would be cleared with the rest.
    """
    return running is not None and (running.dismissed or not running.ended)


def bubbles(exchanges: Sequence[Exchange], *pending: str) -> list[dict[str, Any]]:
    """Return a conversation as `gr.Chatbot` takes it, which shows it as it stands.

    Without Markdown the component still takes a text for HTML, so the texts are escaped.

    Args:
        exchanges: What was said.
        pending: A message that is being answered, and its answer so far.
    """
    texts = [text for exchange in exchanges for text in (exchange.text, exchange.turn.answer)]
    return [
        {"role": (USER, ASSISTANT)[index % 2], "content": html.escape(text, quote=False) or WAITING}
        for index, text in enumerate([*texts, *pending])
    ]
