"""A session, and one for layers, whose models are elsewhere: the page cannot tell them from local ones."""

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
from fusion_demo.remote.answers import Answers, Question
from fusion_demo.session import BATCH_SIZE, Session


class RemoteSession(Session):
    """Lists checkpoints and checks questions itself, and has them answered elsewhere.

    Methods are documented in `Session`. What they check before the models are needed is checked here, by
    that class: its answers are begun by reading them, which nobody does.

    Args:
        answers: Who answers.
        checkpoints: As a session's; the same that answer.
        default_checkpoint: As a session's.
        preset: As a session's.
        translator: As a session's.
        at_once: How many requests may be put to it at a time.
    """

    def __init__(
        self,
        answers: Answers,
        checkpoints: Path,
        *,
        default_checkpoint: str | None = None,
        preset: str = "",
        translator: str = "",
        at_once: int,
    ) -> None:
        super().__init__(
            checkpoints, default_checkpoint=default_checkpoint, preset=preset, translator=translator
        )
        self._answers = answers
        self.at_once = at_once

    def warm_up(self) -> None:
        """Do nothing: there are no models here, and those who answer see to theirs."""

    def classify_together(
        self,
        pairs: Sequence[tuple[str, str]],
        task: str,
        checkpoint: str = "",
        *,
        last_layer_only: bool = False,
    ) -> list[Classification | InputError]:
        """See `Session.classify_together`; each text is asked alone, and put together with others there."""

        def ask(pair: tuple[str, str]) -> Classification | InputError:
            try:
                return self._answers.ask("classify", Question(pair, task, checkpoint, last_layer_only))
            except InputError as error:
                return error

        return [ask(pair) for pair in pairs]

    def classify_many(
        self, rows: Sequence[InputRow], task: str, checkpoint: str = "", *, batch_size: int = BATCH_SIZE
    ) -> Iterator[AnsweredRow]:
        """See `Session.classify_many`."""
        super().classify_many(rows, task, checkpoint, batch_size=batch_size)
        return self._answers.stream("classify_many", rows, task, checkpoint, batch_size=batch_size)

    def compare(
        self, text: str, task: str, lanes: Sequence[Lane], second: str = ""
    ) -> Iterator[LaneAnswer | FusionDemoError]:
        """See `Session.compare`."""
        super().compare(text, task, lanes, second)
        return self._answers.stream("compare", text, task, lanes, second)

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
            # Who has to begin anew elsewhere draws the same tokens; processes that are copies of one do not.
            decoding = dataclasses.replace(decoding, seed=SystemRandom().randint(0, MAX_SEED))
        return self._answers.stream(
            "chat", messages, checkpoint=checkpoint, decoding=decoding, straight=straight, stop=stop
        )


class RemoteLayerSession(LayerSession):
    """Has the layers measured elsewhere; methods are documented in `LayerSession`.

    Args:
        session: Whose checkpoints are listed.
        answers: Who measures.
    """

    def __init__(self, session: RemoteSession, answers: Answers) -> None:
        super().__init__(session)
        self._answers = answers

    def profiles(self, texts: Sequence[Sequence[str]], checkpoint: str = "") -> list[TextLayers]:
        """See `LayerSession.profiles`."""
        return self._answers.ask("profiles", texts, checkpoint)

    def mask(
        self, text: Sequence[str], checkpoint: str = "", *, masked: int, draws: int, seed: int = 0
    ) -> Iterator[MaskingProgress]:
        """See `LayerSession.mask`."""
        return self._answers.stream("mask", text, checkpoint, masked=masked, draws=draws, seed=seed)
