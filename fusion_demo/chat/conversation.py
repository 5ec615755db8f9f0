"""One turn of a conversation: the newest message is understood in English, then answered.

All of it happens in a thread of its own, which holds the models' lock: whoever reads the answer may come
from any thread, pause, or go away. What the message is understood as comes first: it says whether an answer
would make sense, and the LLM may answer these very words.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, RLock

import numpy as np
import torch

from fusion_demo.bridge import FusionBridge
from fusion_demo.chat.hears import hear
from fusion_demo.chat.history import ENGLISH, History, build_history, frame_tokens
from fusion_demo.chat.messages import Message, check_messages
from fusion_demo.chat.turn import ChatTurn, ChatUpdate
from fusion_demo.decoding import Decoding
from fusion_demo.detection import detect_language
from fusion_demo.input_text import check_known
from fusion_demo.soft_tokens import SoftTokens
from fusion_demo.streaming import Written, read_from_thread
from fusion_demo.tasks import get_training_task
from fusion_demo.understanding import CANDIDATES, Thresholds, Understanding, understand

CHAT_TASKS = ("echo", "chat")
"""Tasks whose checkpoints may hold a conversation, those that suit it best first."""

CHAT_DECODING = Decoding(max_new_tokens=128, repetition_penalty=1.1, no_repeat_ngram=4)
"""Greedy, and kept from going round in circles, which a small LLM otherwise does."""

TOKEN_BUDGET = 1024
"""Most tokens that prompt and answer have together, to stay quick; the LLM's window may be smaller."""

NEAREST_WORDS = 3
LOCK_SECONDS = 0.05
"""How often someone who waits for the models looks whether he was stopped meanwhile."""

NOT_UNDERSTOOD = "I hardly understood that. Please say it in other words, or in a longer sentence."
"""The answer to a message that was hardly understood: what the LLM would say of it is nonsense."""


@dataclass(frozen=True)
class Bridges:
    """The bridges of a conversation, which share their frozen models.

    Attributes:
        echo: Understands a message; trained on the task `echo`.
        chat: Its soft tokens are answered, trained on the task `chat`; None: the LLM answers the echo, as its
            own tokens.
        checkpoint: Name of the checkpoint that was asked.
        thresholds: Of the echo's checkpoint: how near an echo has to be to its text; None: all are answered.
    """

    echo: FusionBridge
    chat: FusionBridge | None = None
    checkpoint: str = ""
    thresholds: Thresholds | None = None


@dataclass(frozen=True)
class _Prompt:
    """What the LLM reads, and how it is made to write."""

    write: Callable[[Callable[[Written], None]], object]
    tokens: int
    dropped: int
    truncated: bool


def converse(
    load: Callable[[], Bridges],
    lock: RLock,
    messages: Sequence[Message],
    *,
    candidates: int = CANDIDATES,
    decoding: Decoding | None = None,
    straight: bool = False,
    stop: Event | None = None,
    token_budget: int = TOKEN_BUDGET,
) -> Iterator[ChatUpdate]:
    """Answer the last message of a conversation in English, token by token.

    Args:
        load: Returns the bridges; called with the lock held.
        lock: Held while the models work, and no longer than until the token after a stop.
        messages: User and assistant in turn, the user first and last.
        candidates: Echoes to choose from, see `understand`.
        decoding: How the answer is written; by default `CHAT_DECODING`.
        straight: Give an English message to the LLM as its own tokens, without the bridge.
        stop: Ends the turn when set, as closing the iterator does. The last update then holds what there is;
            without a turn, if the message was not read yet.
        token_budget: Most tokens that prompt and answer have together.

    Raises:
        InputError: the messages are no conversation, or the last one is nothing that the encoder can read.
        CheckpointError, ModelError: what `load` raises. Like all that fails later, on reading the updates.
    """
    clean, removed = check_messages(messages)
    decoding, stop = decoding or CHAT_DECODING, stop or Event()

    def work(emit: Callable[[ChatUpdate], None]) -> None:
        with _held(lock, stop) as held:
            if not held:
                emit(ChatUpdate("", done=True))
                return
            turn = _Turn(load(), clean, removed, decoding, stop, token_budget, emit)
            turn.answer(candidates, straight=straight)

    return read_from_thread(work, stop)


class _Turn:
    """A turn while it happens: the message is read, understood, and answered."""

    def __init__(
        self,
        bridges: Bridges,
        messages: list[Message],
        removed: int,
        decoding: Decoding,
        stop: Event,
        token_budget: int,
        emit: Callable[[ChatUpdate], None],
    ) -> None:
        self.bridges, self.messages, self.removed, self.decoding = bridges, messages, removed, decoding
        self.stop, self.emit = stop, emit
        self.llm = bridges.echo.llm
        self.text = messages[-1].text
        self.room = min(token_budget, self.llm.window or token_budget) - decoding.max_new_tokens
        self.start = time.perf_counter()
        self.moments: list[float] = []
        self.latest = Written("", 0)

    def answer(self, candidates: int, *, straight: bool) -> None:
        """Do all of it, and emit the updates."""
        soft, understanding, prompt = None, None, None
        straight = straight and detect_language(self.text) == ENGLISH
        if straight:
            prompt = self._read_words(self.text)
        else:
            soft = self._read_softly(self.bridges.echo)
            understanding = self._understand(soft, candidates)
            if not self.stop.is_set() and self._level(understanding) != "hardly":
                chat = self.bridges.chat
                prompt = self._read_soft_tokens(chat) if chat else self._read_words(understanding.text)
        if prompt:
            prompt.write(self._on_token(understanding.text if understanding else ""))
        elif not self.stop.is_set():
            self.latest = Written(NOT_UNDERSTOOD, 0)
        turn = self._turn(soft, understanding, prompt, straight)
        self.emit(ChatUpdate(turn.answer, turn.echo, turn, done=True))

    def _read_softly(self, bridge: FusionBridge) -> SoftTokens:
        with torch.no_grad():
            soft = bridge.soft_tokens([self.text])
        check_known(soft.tokens[0], "message")
        return soft

    def _understand(self, soft: SoftTokens, candidates: int) -> Understanding:
        def on_token(written: Written) -> None:
            self.emit(ChatUpdate("", written.text))

        understanding = understand(
            self.bridges.echo,
            [self.text],
            soft=soft,
            candidates=candidates,
            on_token=on_token,
            stop=self.stop.is_set,
        )[0]
        self.emit(ChatUpdate("", understanding.text))
        return understanding

    def _level(self, understanding: Understanding | None) -> str:
        thresholds = self.bridges.thresholds
        return thresholds.level(understanding.similarity) if thresholds and understanding else ""

    def _on_token(self, echo: str) -> Callable[[Written], None]:
        def on_token(written: Written) -> None:
            self.latest = written
            self.moments.append(time.perf_counter())
            self.emit(ChatUpdate(written.text, echo))

        return on_token

    def _read_soft_tokens(self, bridge: FusionBridge) -> _Prompt:
        """The LLM answers soft tokens."""
        soft = self._read_softly(bridge)
        length = int(soft.mask.sum()) + 1  # the boundary vector
        if soft.prompt is not None:
            length += len(soft.prompt.ids[0])
        history = self._history(length)
        frame = history.frame if soft.prompt is not None else replace(history.frame, text_end=())

        def write(on_token: Callable[[Written], None]) -> object:
            return bridge.write(soft, frame, self.decoding, on_token=on_token, stop=self.stop.is_set)

        truncated = soft.prompt is not None and soft.prompt.truncated[0]
        return _Prompt(write, frame_tokens(frame) + length, history.dropped, truncated)

    def _read_words(self, words: str) -> _Prompt:
        """The LLM answers English words, as its own tokens."""
        llm = self.llm
        ids = llm.text_ids(words)
        history = self._history(len(ids))
        frame = history.frame
        kept = ids[: max(1, self.room - frame_tokens(frame))]

        def write(on_token: Callable[[Written], None]) -> object:
            row = torch.tensor([[*kept, *frame.text_end, *frame.after]], device=llm.model.device)
            return llm.generate(
                frame.before,
                llm.embed(row),
                torch.ones_like(row, dtype=torch.bool),
                self.decoding,
                on_token=on_token,
                stop=self.stop.is_set,
                keep_prefix=frame.shared,
            )

        return _Prompt(write, frame_tokens(frame) + len(kept), history.dropped, len(kept) < len(ids))

    def _history(self, message_tokens: int) -> History:
        config = (self.bridges.chat or self.bridges.echo).config
        return build_history(
            self.llm,
            config.prompt_form,
            self.messages[:-1],
            prompt_tokens=self.room - message_tokens,
            bare_prompt=get_training_task("chat").bare_prompt,
            template_arguments=config.template_arguments,
        )

    def _turn(
        self,
        soft: SoftTokens | None,
        understanding: Understanding | None,
        prompt: _Prompt | None,
        straight: bool,
    ) -> ChatTurn:
        tokens = soft.tokens[0] if soft else []
        moments, bridge = self.moments, self.bridges.echo
        return ChatTurn(
            checkpoint=self.bridges.checkpoint,
            text=self.text,
            fields=("message",),
            answer=self.latest.text,
            echo=understanding.text if understanding else "",
            similarity=understanding.similarity if understanding else None,
            language=detect_language(self.text),
            straight=straight,
            tokens=tokens,
            parts=[0] * len(tokens),
            layers=bridge.fusion.layers if soft else [],
            layer_weights=soft.layer_weights[0].float().cpu().numpy()
            if soft
            else np.empty((0, 0), np.float32),
            hears=hear(bridge, soft, NEAREST_WORDS) if soft else [],
            soft_tokens=int(soft.mask.sum()) if soft else 0,
            tokens_in=prompt.tokens if prompt else 0,
            tokens_out=self.latest.tokens,
            first_token_milliseconds=1000 * (moments[0] - self.start) if moments else 0.0,
            token_milliseconds=1000 * (moments[-1] - moments[0]) / (len(moments) - 1)
            if len(moments) > 1
            else 0.0,
            dropped=prompt.dropped if prompt else 0,
            truncated=soft.truncated[0] if soft else False,
            prompt_truncated=prompt.truncated if prompt else False,
            removed=self.removed,
            cut=self.latest.tokens == self.decoding.max_new_tokens,
            stopped=self.stop.is_set(),
            understood=self._level(understanding),
        )


@contextmanager
def _held(lock: RLock, stop: Event) -> Iterator[bool]:
    """Hold a lock within a `with`; False if `stop` was set before it was free."""
    held = False
    while not (held or stop.is_set()):
        held = lock.acquire(timeout=LOCK_SECONDS)
    try:
        yield held
    finally:
        if held:
            lock.release()
