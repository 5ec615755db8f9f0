"""An answered message, and all that can be shown of it."""

from dataclasses import dataclass

import numpy as np

from fusion_demo.chat.hears import Heard
from fusion_demo.tokens import Token


@dataclass(frozen=True)
class ChatTurn:
    """An answered message, and what the answer was made from.

    Attributes:
        checkpoint: Name of the checkpoint that was asked.
        text: The message as read; see `readable_text`.
        fields: What the text is called, as a tuple: `("message",)`.
        answer: The answer in English.
        echo: The English words that the message was understood as, the best of several echoes; empty where it
            went straight in, or where the turn was stopped before.
        similarity: How near that is to the message by the encoder's sentence vectors, a cosine; None without
            an echo.
        language: Code of the language that the message seems to be in, or None.
        straight: Whether it went in as the LLM's own tokens, without the bridge.
        tokens: The T tokens that the encoder read; none where it went straight in.
        parts: T zeros: all tokens belong to the one text.
        layers: Numbers of the encoder's layers, as the columns of `layer_weights`.
        layer_weights: (T, L), the weights with which the fusion mixed the layers for this answer.
        hears: For each soft token, the nearest words of the LLM's vocabulary. Tokens, weights and these are
            those of the bridge that understood the message.
        soft_tokens: How many soft tokens stood for the message.
        tokens_in: How many tokens the LLM read: its own and the soft ones.
        tokens_out: How many it wrote, the end token included.
        first_token_milliseconds: From the message to the first token, loading and waiting left out.
        token_milliseconds: Mean time of each further token; 0 if there was none.
        dropped: How many of the oldest messages no longer fitted into the prompt.
        truncated: Whether the encoder read only the beginning of the message.
        prompt_truncated: Whether the LLM itself read only the beginning of it.
        removed: Number of control characters that were left out of the message.
        cut: Whether the answer was ended by its greatest length.
        stopped: Whether the turn was stopped before its end.
        understood: "well", "partly" or "hardly", by the similarity; empty without an echo, or where the
            checkpoint has no thresholds. What was hardly understood is not answered: the answer says so.
    """

    checkpoint: str
    text: str
    fields: tuple[str, ...]
    answer: str
    echo: str
    similarity: float | None
    language: str | None
    straight: bool
    tokens: list[Token]
    parts: list[int]
    layers: list[int]
    layer_weights: np.ndarray
    hears: list[Heard]
    soft_tokens: int
    tokens_in: int
    tokens_out: int
    first_token_milliseconds: float
    token_milliseconds: float
    dropped: int
    truncated: bool
    prompt_truncated: bool
    removed: int
    cut: bool
    stopped: bool
    understood: str


@dataclass(frozen=True)
class ChatUpdate:
    """How far a turn has come.

    Attributes:
        answer: The answer so far.
        echo: What the message was understood as, so far: complete before the answer begins.
        turn: All about the turn, in the last update; None if it was stopped before the message was read.
        done: Whether this is the last update.
    """

    answer: str
    echo: str = ""
    turn: ChatTurn | None = None
    done: bool = False
