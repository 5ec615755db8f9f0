"""A session, and one for layers, whose models are in replicas: the page cannot tell them from local ones."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import SystemRandom
from threading import Event

from fusion_demo.chat import ChatUpdate, Message
from fusion_demo.classification import Classification
from fusion_demo.decoding import MAX_SEED, Decoding
from fusion_demo.errors import FusionDemoError, InputError
from fusion_demo.lanes import Lane, LaneAnswer
from fusion_demo.layer_session import LayerSession, MaskingProgress, TextLayers
from fusion_demo.many_texts import AnsweredRow, InputRow
from fusion_demo.session import BATCH_SIZE, Session
from serve.options import ReplicaOptions
from serve.replica import Question
from serve.replicas import Replicas

PER_REPLICA = 4
"""Requests that the page hands on for each replica, so that some of them can be answered in one pass."""


class RemoteSession(Session):
    """Lists checkpoints and checks questions itself, and has the replicas answer them.

    Methods are documented in `Session`. What they check before the models are needed is checked here, by
    that class: its answers are begun by reading them, which nobody does.

    Args:
        replicas: Who answers.
        options: What each replica's own session is made of.
    """

    def __init__(self, replicas: Replicas, options: ReplicaOptions) -> None:
        super().__init__(
            Path(options.checkpoints),
            default_checkpoint=options.default_checkpoint or None,
            translator=options.translator,
        )
        self._replicas = replicas
        self.at_once = options.most * PER_REPLICA

    def warm_up(self) -> None:
        """Do nothing: each replica is warm before it is asked."""

    def classify_together(
        self,
        pairs: Sequence[tuple[str, str]],
        task: str,
        checkpoint: str = "",
        *,
        last_layer_only: bool = False,
    ) -> list[Classification | InputError]:
        """See `Session.classify_together`; each text is asked alone, and the replicas put them together."""

        def ask(pair: tuple[str, str]) -> Classification | InputError:
            try:
                return self._replicas.ask("classify", Question(pair, task, checkpoint, last_layer_only))
            except InputError as error:
                return error

        return [ask(pair) for pair in pairs]

    def classify_many(
        self, rows: Sequence[InputRow], task: str, checkpoint: str = "", *, batch_size: int = BATCH_SIZE
    ) -> Iterator[AnsweredRow]:
        """See `Session.classify_many`."""
        super().classify_many(rows, task, checkpoint, batch_size=batch_size)
        return self._replicas.stream("classify_many", rows, task, checkpoint, batch_size=batch_size)

    def compare(
        self, text: str, task: str, lanes: Sequence[Lane], second: str = ""
    ) -> Iterator[LaneAnswer | FusionDemoError]:
        """See `Session.compare`."""
        super().compare(text, task, lanes, second)
        return self._replicas.stream("compare", text, task, lanes, second)

    def chat(
        self,
        messages: Sequence[Message],
        *,
        checkpoint: str = "",
        decoding: Decoding | None = None,
        straight: bool = False,
        stop: Event | None = None,
    ) -> Iterator[ChatUpdate]:
        """See `Session.chat`."""
        super().chat(messages, checkpoint=checkpoint, decoding=decoding, straight=straight)
        if decoding and decoding.seed is None:
            # Another replica that begins anew has to draw the same tokens.
            decoding = dataclasses.replace(decoding, seed=SystemRandom().randint(0, MAX_SEED))
        return self._replicas.stream(
            "chat", messages, checkpoint=checkpoint, decoding=decoding, straight=straight, stop=stop
        )


class RemoteLayerSession(LayerSession):
    """Has the replicas measure the layers; methods are documented in `LayerSession`.

    Args:
        session: Whose checkpoints are listed.
        replicas: Who measures.
    """

    def __init__(self, session: RemoteSession, replicas: Replicas) -> None:
        super().__init__(session)
        self._replicas = replicas

    def profiles(self, texts: Sequence[Sequence[str]], checkpoint: str = "") -> list[TextLayers]:
        """See `LayerSession.profiles`."""
        return self._replicas.ask("profiles", texts, checkpoint)

    def mask(
        self, text: Sequence[str], checkpoint: str = "", *, masked: int, draws: int, seed: int = 0
    ) -> Iterator[MaskingProgress]:
        """See `LayerSession.mask`."""
        return self._replicas.stream("mask", text, checkpoint, masked=masked, draws=draws, seed=seed)
