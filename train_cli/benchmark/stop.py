"""`benchmark stop`: how long a chat still holds the models after its reader asked it to stop."""

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Timer
from typing import Any

from fusion_demo.chat import CHAT_DECODING, USER, Message
from fusion_demo.decoding import Decoding
from fusion_demo.errors import ConfigError
from fusion_demo.session import Session
from train_cli.benchmark.memory import in_child
from train_cli.benchmark.rounds import summary
from train_cli.benchmark.start import TEXT, add_checkpoints_argument

READING, WRITING = "before the first token", "while writing"
LONGEST_WAIT = 1.0
"""Seconds of writing within which a stop comes: a person who stops an answer has read a line of it."""
BUDGET_MILLISECONDS = 200.0
TRIES = 5
"""Turns tried for each that is stopped: those that end before their stop say nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark stop`."""
    parser.set_defaults(repeats=50)
    parser.add_argument(
        "--checkpoint",
        default="",
        metavar="NAME",
        help="which checkpoint chats (default: the first that can)",
    )
    add_checkpoints_argument(parser)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Stop so many turns in each of the two phases, each at a random moment.

    Raises:
        CheckpointError: there is no checkpoint that can chat.
        ConfigError: the answers end before they can be stopped.
    """
    return in_child(
        time_stops, arguments.checkpoints, arguments.checkpoint, arguments.repeats, arguments.seed
    )


def time_stops(
    checkpoints: Path, checkpoint: str, repeats: int, seed: int, decoding: Decoding = CHAT_DECODING
) -> dict[str, Any]:
    """Return the milliseconds from the stop to the end of the turn, for each phase, and the longest."""
    session = Session(checkpoints)
    messages = [Message(USER, TEXT)]
    name, first, whole = _undisturbed(session, checkpoint, messages, decoding)
    chance = random.Random(seed)
    longest = {READING: first, WRITING: min(LONGEST_WAIT, (whole - first) / 2)}
    phases: dict[str, Any] = {}
    for phase, bound in longest.items():
        found: list[float] = []
        for _ in range(TRIES * repeats):
            wait = chance.uniform(0, bound)
            took = stop_once(session, checkpoint, messages, decoding, phase, wait)
            if took is not None:
                found.append(1000 * took)
            if len(found) == repeats:
                break
        else:
            raise ConfigError(
                f"Only {len(found)} of {TRIES * repeats} answers were still there to be stopped {phase}. "
                "Measure a checkpoint that writes longer answers."
            )
        phases[phase] = {"milliseconds": summary(found), "longest": max(found)}
    return {"checkpoint": name, "phases": phases, "budget_milliseconds": BUDGET_MILLISECONDS}


def stop_once(
    session: Session,
    checkpoint: str,
    messages: Sequence[Message],
    decoding: Decoding,
    phase: str,
    wait: float,
) -> float | None:
    """Stop one turn; return the seconds from the stop to its end, None if it ended (or wrote) before.

    Args:
        session: Has the models loaded.
        checkpoint: Name of the one that chats; empty for the first.
        messages: The conversation that is answered.
        decoding: How the answer is written.
        phase: `READING` counts the wait from the start of the turn, `WRITING` from its first token.
        wait: Seconds.
    """
    stop, asked = Event(), 0.0

    def ask() -> None:
        nonlocal asked
        asked = time.perf_counter()
        stop.set()

    timer = Timer(wait, ask)
    written = 0.0
    if phase == READING:
        timer.start()
    for update in session.chat(messages, checkpoint=checkpoint, decoding=decoding, stop=stop):
        if not (written or update.done):
            written = time.perf_counter()
            if phase == WRITING:
                timer.start()
    ended = time.perf_counter()
    timer.cancel()
    if not asked or asked > ended or (phase == READING and 0 < written < asked):
        return None
    return ended - asked


def _undisturbed(
    session: Session, checkpoint: str, messages: Sequence[Message], decoding: Decoding
) -> tuple[str, float, float]:
    """Return which checkpoint answers, and the seconds to the first token and to the end of the answer."""
    for _ in range(2):  # the first loads the models
        began, moments = time.perf_counter(), []
        for update in session.chat(messages, checkpoint=checkpoint, decoding=decoding):
            if update.turn is None:
                moments.append(time.perf_counter() - began)
    assert update.turn is not None
    return update.turn.checkpoint, moments[0], moments[-1]
