"""One process of several that answer: a session of its own behind Ray Serve."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import torch
from ray import serve
from ray.actor import ActorHandle

from fusion_demo.classification import Classification
from fusion_demo.errors import FusionDemoError
from fusion_demo.input_text import limit_characters
from fusion_demo.remote import Question, Refused, SessionAnswers
from fusion_demo.session import Session
from serve.options import ReplicaOptions

BATCH_SIZE = 16
"""Most questions that are answered in one pass."""

BATCH_WAIT = 0.005
"""Seconds that a question waits for others, to be answered with them."""

HANG_SECONDS = 120.0
"""So long without a token, a row or a label while somebody waits, and the replica is replaced."""

END = object()


class Replica:
    """Answers with a session of its own. What it cannot do comes back as `Refused`.

    Args:
        options: What the session is made of.
        board: Handle of the `StopBoard`.
    """

    def __init__(self, options: ReplicaOptions, board: ActorHandle) -> None:
        limit_characters(options.max_characters)
        torch.set_num_threads(options.threads)
        self._session = Session(
            Path(options.checkpoints),
            device=options.device,
            default_checkpoint=options.default_checkpoint or None,
            preset=options.preset,
            translator=options.translator,
            compiled=options.compiled,
        )
        self._answers = SessionAnswers(self._session)
        self._board = board
        self._waiting = 0
        self._moved = time.monotonic()
        self._session.warm_up()

    def check_health(self) -> None:
        """Called by Ray Serve, which replaces a replica that raises.

        Raises:
            RuntimeError: somebody waits, and nothing has moved for `HANG_SECONDS`.
        """
        if self._waiting and time.monotonic() - self._moved > HANG_SECONDS:
            raise RuntimeError(f"Nothing was answered for {HANG_SECONDS:g} seconds.")

    async def process(self) -> int:
        """Return the number of this process."""
        return os.getpid()

    async def classify(self, question: Question) -> Classification | Refused:
        """Answer as `Session.classify`, in one pass with the like questions of others."""
        with self._somebody_waits():
            return await self._together(question)

    @serve.batch(max_batch_size=BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT)
    async def _together(self, questions: list[Question]) -> list[Classification | Refused]:
        return await self.classify_together(questions)

    async def classify_together(self, questions: list[Question]) -> list[Classification | Refused]:
        """Answer questions, those about one task and checkpoint in one pass."""
        answers: dict[int, Classification | Refused] = {}
        alike: dict[tuple[str, str, bool], list[int]] = {}
        for index, question in enumerate(questions):
            key = (question.task, question.checkpoint, question.last_layer_only)
            alike.setdefault(key, []).append(index)
        for (task, checkpoint, only), rows in alike.items():
            texts = [questions[row].texts for row in rows]
            found = await asyncio.to_thread(self._classify, texts, task, checkpoint, only)
            answers |= dict(zip(rows, found, strict=True))
            self._moved = time.monotonic()
        return [answers[row] for row in range(len(questions))]

    def _classify(
        self, texts: list[tuple[str, str]], task: str, checkpoint: str, only: bool
    ) -> list[Classification | Refused]:
        try:
            found = self._session.classify_together(texts, task, checkpoint, last_layer_only=only)
        except FusionDemoError as error:
            found = [error] * len(texts)
        return [Refused(item) if isinstance(item, FusionDemoError) else item for item in found]

    async def profiles(self, *arguments: Any, **options: Any) -> Any:
        """Answer as `LayerSession.profiles`."""
        with self._somebody_waits():
            return await asyncio.to_thread(self._answers.ask, "profiles", arguments, options)

    async def stream(self, request: str, method: str, arguments: tuple, options: dict) -> AsyncIterator[Any]:
        """Yield what a method yields, until the request is written on the board.

        Args:
            request: Its name there.
            method: One that `SessionAnswers.stream` knows.
            arguments: Of the method.
            options: Of the method, by name.
        """
        stop = Event()
        items = self._answers.stream(method, arguments, options, stop)
        told = asyncio.ensure_future(self._tell(request, stop))
        try:
            with self._somebody_waits():
                while (item := await asyncio.to_thread(next, items, END)) is not END:
                    self._moved = time.monotonic()
                    yield item
        finally:
            stop.set()
            told.cancel()

    async def _tell(self, request: str, stop: Event) -> None:
        await self._board.wait.remote(request)
        stop.set()

    @contextmanager
    def _somebody_waits(self) -> Iterator[None]:
        if not self._waiting:
            self._moved = time.monotonic()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
