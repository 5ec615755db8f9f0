"""An answer as it is being written: token by token, from a thread of its own."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from torch import Tensor
from transformers import PreTrainedTokenizerBase
from transformers.generation.streamers import BaseStreamer

Item = TypeVar("Item")

LAST_TOKEN_SECONDS = 5.0
"""Longest wait for a thread whose reader is gone; it ends by itself after the token that it is at."""

HALF_CHARACTER = "\ufffd"


@dataclass(frozen=True)
class Written:
    """What there is of an answer.

    Attributes:
        text: The answer so far, without control tokens and outer white space.
        tokens: How many tokens it has so far, the end token included.
    """

    text: str
    tokens: int


class TokenStreamer(BaseStreamer):
    """Hands on the answer so far after every token that `generate` writes for a single row.

    A character whose bytes are not all there yet is held back.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, on_token: Callable[[Written], None]) -> None:
        self.tokenizer = tokenizer
        self.on_token = on_token
        self._ids: list[int] = []

    def put(self, value: Tensor) -> None:
        """Take new token ids; `generate` first gives those of the prompt, none behind embeddings."""
        if not value.numel():
            return
        self._ids += value.flatten().tolist()
        text = self.tokenizer.decode(self._ids, skip_special_tokens=True)
        self.on_token(Written(text.rstrip(HALF_CHARACTER).strip(), len(self._ids)))

    def end(self) -> None:
        """Do nothing: all has been handed on."""


def read_from_thread(work: Callable[[Callable[[Item], None]], None], stop: Event) -> Iterator[Item]:
    """Yield what `work` hands on from a thread of its own, as it comes; raise here what it raises there.

    Closing the iterator sets `stop`, which `work` is to heed. The first result behind a stop takes the place
    of those that a slower reader has not read yet: nobody waits for what he stopped.

    Args:
        work: Called once with the function that takes its results.
        stop: Asks it to end.
    """
    results: SimpleQueue[tuple[Item] | None] = SimpleQueue()
    failure: list[BaseException] = []

    def hand_on(item: Item) -> None:
        if stop.is_set():
            with suppress(Empty):
                while True:
                    results.get_nowait()
        results.put((item,))

    def run() -> None:
        try:
            work(hand_on)
        except BaseException as error:  # noqa: BLE001 - handed to the reader below
            failure.append(error)
        finally:
            results.put(None)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        while (result := results.get()) is not None:
            yield result[0]
    finally:
        stop.set()
        thread.join(LAST_TOKEN_SECONDS)
    if failure:
        raise failure[0]
