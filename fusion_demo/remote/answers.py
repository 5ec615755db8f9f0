"""What passes between the page and the processes that answer, and what answers there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

from fusion_demo.classification import Classification
from fusion_demo.errors import FusionDemoError
from fusion_demo.layer_session import LayerSession
from fusion_demo.session import Session


@dataclass(frozen=True)
class Question:
    """What `Session.classify` is asked, of one text or pair."""

    texts: tuple[str, str]
    task: str
    checkpoint: str
    last_layer_only: bool


@dataclass(frozen=True)
class Refused:
    """An error for the user, as a value: raised, it would not pass between processes as it is."""

    error: FusionDemoError


class Answers(Protocol):
    """Has questions answered elsewhere."""

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what `SessionAnswers.ask` returns.

        Raises:
            FusionDemoError: what was refused, or why nobody answers.
        """

    def stream(
        self, method: str, *arguments: Any, stop: Event | None = None, **options: Any
    ) -> Iterator[Any]:
        """Yield what `SessionAnswers.stream` yields, until `stop` is set or the iterator closed.

        Raises:
            FusionDemoError: as `ask`.
        """


def accepted(answer: Any) -> Any:
    """Return an answer.

    Raises:
        FusionDemoError: it was refused.
    """
    if isinstance(answer, Refused):
        raise answer.error
    return answer


class SessionAnswers:
    """Answers with a session of this process. What it cannot do comes back as `Refused`.

    Args:
        session: Its models are asked.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layers = LayerSession(session)

    def ask(self, method: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """Return what a method returns.

        Args:
            method: "classify", of a `Question`, or "profiles".
            arguments: Of the method.
            options: Of the method, by name.
        """
        methods = {"classify": self._classify, "profiles": self._layers.profiles}
        try:
            return methods[method](*arguments, **options)
        except FusionDemoError as error:
            return Refused(error)

    def stream(
        self, method: str, arguments: Sequence[Any], options: Mapping[str, Any], stop: Event
    ) -> Iterator[Any]:
        """Yield what a method yields, until `stop` is set.

        Args:
            method: "chat", "classify_many", "compare" or "mask".
            arguments: Of the method.
            options: Of the method, by name.
            stop: Ends the answer; set when it has ended.
        """
        begin: dict[str, Callable[[], Iterator[Any]]] = {
            "chat": lambda: self._session.chat(*arguments, **options, stop=stop),
            "classify_many": lambda: self._session.classify_many(*arguments, **options),
            "compare": lambda: self._session.compare(*arguments, **options),
            "mask": lambda: self._layers.mask(*arguments, **options),
        }
        try:
            with closing(begin[method]()) as items:
                for item in items:
                    yield item
                    if stop.is_set() and method != "chat":  # a chat says by itself how it ended
                        break
        except FusionDemoError as error:
            yield Refused(error)
        finally:
            stop.set()

    def _classify(self, question: Question) -> Classification:
        text, second = question.texts
        only = {"last_layer_only": question.last_layer_only}
        return self._session.classify(text, question.task, question.checkpoint, second, **only)
