"""One turn of a conversation: the newest message is read, answered, and repeated in English.

All of it happens in a thread of its own, which holds the models' lock: whoever reads the answer may come
from any thread, pause, or go away. The answer comes first. What takes time and is not needed for it (the
words that the LLM hears, the echo) follows it.
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

CHAT_TASKS = ("chat", "echo")
"""Tasks whose checkpoints may hold a conversation, those that suit it best first."""

CHAT_DECODING = Decoding(max_new_tokens=128, repetition_penalty=1.1, no_repeat_ngram=4)
"""Greedy, and kept from going round in circles, which a small LLM otherwise does."""

TOKEN_BUDGET = 1024
"""Most tokens that prompt and answer have together, to stay quick; the LLM's window may be smaller."""

NEAREST_WORDS = 3
LOCK_SECONDS = 0.05
"""How often someone who waits for the models looks whether he was stopped meanwhile."""

ECHO_SLACK = 8
"""The echo is at most twice as long as the message, and this much longer."""


@dataclass(frozen=True)
class _Prompt:
    """What the LLM reads, and how it is made to write."""

    write: Callable[[Callable[[Written], None]], object]
    soft: SoftTokens | None
    tokens: int
    dropped: int
    truncated: bool


def converse(
    load: Callable[[], FusionBridge],
    lock: RLock,
    messages: Sequence[Message],
    *,
    decoding: Decoding | None = None,
    straight: bool = False,
    stop: Event | None = None,
    token_budget: int = TOKEN_BUDGET,
) -> Iterator[ChatUpdate]:
    """Answer the last message of a conversation in English, token by token.

    Args:
        load: Returns the bridge; called with the lock held.
        lock: Held while the models work, and no longer than until the token after a stop.
        messages: User and assistant in turn, the user first and last.
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
            _answer(load(), clean, removed, decoding, straight, stop, token_budget, emit)

    return read_from_thread(work, stop)


def _answer(
    bridge: FusionBridge,
    messages: list[Message],
    removed: int,
    decoding: Decoding,
    straight: bool,
    stop: Event,
    token_budget: int,
    emit: Callable[[ChatUpdate], None],
) -> None:
    start = time.perf_counter()
    text = messages[-1].text
    straight = straight and detect_language(text) == ENGLISH
    room = _window(bridge, token_budget) - decoding.max_new_tokens
    read = _read_straight if straight else _read_through_bridge
    prompt = read(bridge, messages, decoding, stop, room)
    moments: list[float] = []
    latest = Written("", 0)

    def on_token(written: Written) -> None:
        nonlocal latest
        latest = written
        moments.append(time.perf_counter())
        emit(ChatUpdate(written.text))

    prompt.write(on_token)
    soft = prompt.soft
    tokens = soft.tokens[0] if soft else []
    layers = bridge.fusion.layers if soft else []
    turn = ChatTurn(
        checkpoint=bridge.checkpoint,
        text=text,
        fields=("message",),
        answer=latest.text,
        echo="",
        language=detect_language(text),
        straight=straight,
        tokens=tokens,
        parts=[0] * len(tokens),
        layers=layers,
        layer_weights=soft.layer_weights[0].float().cpu().numpy() if soft else np.empty((0, 0), np.float32),
        hears=hear(bridge, soft, NEAREST_WORDS) if soft else [],
        soft_tokens=int(soft.mask.sum()) if soft else 0,
        tokens_in=prompt.tokens,
        tokens_out=latest.tokens,
        first_token_milliseconds=1000 * (moments[0] - start),
        token_milliseconds=1000 * (moments[-1] - moments[0]) / max(1, len(moments) - 1),
        dropped=prompt.dropped,
        truncated=soft.truncated[0] if soft else False,
        prompt_truncated=prompt.truncated,
        removed=removed,
        cut=latest.tokens == decoding.max_new_tokens,
        stopped=stop.is_set(),
    )
    if soft and not turn.stopped:
        emit(ChatUpdate(turn.answer, turn))
        turn = _repeat(bridge, soft, turn, stop, emit)
    emit(ChatUpdate(turn.answer, turn, done=True))


def _read_through_bridge(
    bridge: FusionBridge, messages: list[Message], decoding: Decoding, stop: Event, room: int
) -> _Prompt:
    with torch.no_grad():
        soft = bridge.soft_tokens([messages[-1].text])
    check_known(soft.tokens[0], "message")
    length = int(soft.mask.sum()) + 1  # the boundary vector
    if soft.prompt is not None:
        length += len(soft.prompt.ids[0])
    history = _history(bridge, messages, room - length)
    frame = history.frame if soft.prompt is not None else replace(history.frame, text_end=())

    def write(on_token: Callable[[Written], None]) -> object:
        return bridge.write(soft, frame, decoding, on_token=on_token, stop=stop.is_set)

    truncated = soft.prompt is not None and soft.prompt.truncated[0]
    return _Prompt(write, soft, frame_tokens(frame) + length, history.dropped, truncated)


def _read_straight(
    bridge: FusionBridge, messages: list[Message], decoding: Decoding, stop: Event, room: int
) -> _Prompt:
    llm = bridge.llm
    ids = llm.text_ids(messages[-1].text)
    history = _history(bridge, messages, room - len(ids))
    frame = history.frame
    kept = ids[: max(1, room - frame_tokens(frame))]

    def write(on_token: Callable[[Written], None]) -> object:
        row = torch.tensor([[*kept, *frame.text_end, *frame.after]], device=llm.model.device)
        mask = torch.ones_like(row, dtype=torch.bool)
        return llm.generate(
            frame.before,
            llm.embed(row),
            mask,
            decoding,
            on_token=on_token,
            stop=stop.is_set,
            keep_prefix=frame.shared,
        )

    tokens = frame_tokens(frame) + len(kept)
    return _Prompt(write, None, tokens, history.dropped, len(kept) < len(ids))


def _history(bridge: FusionBridge, messages: list[Message], prompt_tokens: int) -> History:
    return build_history(
        bridge.llm,
        bridge.config.prompt_form,
        messages[:-1],
        prompt_tokens=prompt_tokens,
        bare_prompt=get_training_task(CHAT_TASKS[0]).bare_prompt,
        template_arguments=bridge.config.template_arguments,
    )


def _repeat(
    bridge: FusionBridge, soft: SoftTokens, turn: ChatTurn, stop: Event, emit: Callable[[ChatUpdate], None]
) -> ChatTurn:
    """Let the LLM say in English what the message says, from the soft tokens that it answered."""
    task = get_training_task("echo")
    frame = bridge.frame(task.instruction, task.bare_prompt)
    longest = min(task.answer_tokens, 2 * len(turn.tokens) + ECHO_SLACK)
    decoding = replace(task.decoding(frame, bridge.llm.tokenizer), max_new_tokens=longest)

    def on_token(written: Written) -> None:
        nonlocal turn
        turn = replace(turn, echo=written.text)
        emit(ChatUpdate(turn.answer, turn))

    bridge.write(soft, frame, decoding, on_token=on_token, stop=stop.is_set)
    return replace(turn, stopped=stop.is_set())


def _window(bridge: FusionBridge, token_budget: int) -> int:
    return min(token_budget, bridge.llm.window or token_budget)


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
