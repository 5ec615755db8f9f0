"""Hugging Face's ZeroGPU: a GPU that is there only while a function decorated with `spaces.GPU` runs.

Such a function runs in another process, forked from this one when it is called. The models are put on the GPU
here, before, which the package `spaces` pretends; the other process finds them there. Arguments and answers
pass as pickles, and so do errors, but for the user's own: `spaces` makes one sentence of all the others. So a
session for ZeroGPU is a `RemoteSession`, and what it does not do itself is two decorated functions.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any

from fusion_demo.errors import ConfigError, ModelError
from fusion_demo.remote import RemoteLayerSession, RemoteSession, SessionAnswers, accepted, passed_on
from fusion_demo.session import Session

VARIABLE = "SPACES_ZERO_GPU"
"""Environment variable that a Space has where its GPU is ZeroGPU's."""

ON = ("1", "t", "true")
"""What `spaces` takes for yes there, in any case."""

DEVICE = "cuda:0"
"""The name of the GPU, before it is there and then."""

DURATION = 30
"""Seconds that an answer may take, a new process's start among them. `spaces` would ask for 60; but so much
has to be left of a visitor's quota, and who asks for less waits less. The longest answer of the embedded
models is a chat of 512 tokens. That it fits is an estimate and was not measured."""

AT_ONCE = 4
"""Requests that are handed on at a time, so that nobody waits for one who waits for a GPU."""

STREAMS = 64
"""Answers that can be under way bit by bit; a further one waits."""

Decorator = Callable[..., Callable[[Callable[..., Any]], Callable[..., Any]]]
"""What `spaces.GPU` is, called with a duration."""


def is_zero_gpu(environment: Mapping[str, str]) -> bool:
    """Tell from the process's variables whether this is a Space with ZeroGPU."""
    return environment.get(VARIABLE, "").lower() in ON


def find_decorator() -> Decorator:
    """Return `spaces.GPU`, before anything asks CUDA for a device.

    From now on this thread pretends to have a GPU. Spaces with ZeroGPU install the package themselves.

    Raises:
        ConfigError: the package is missing.
    """
    try:
        return importlib.import_module("spaces").GPU
    except ModuleNotFoundError as missing:
        if missing.name != "spaces":
            raise
        raise ConfigError(
            f"{VARIABLE} is set, but the package spaces is missing, which a Space with ZeroGPU has. Run: pip "
            f"install spaces; or unset {VARIABLE}; or start the page with --device cpu."
        ) from None


def open_on_zero_gpu(
    checkpoints: Path,
    decorator: Decorator,
    gradio_error: type[Exception],
    *,
    device: str = DEVICE,
    default_checkpoint: str | None = None,
    preset: str = "",
    translator: str = "",
) -> tuple[RemoteSession, RemoteLayerSession]:
    """Load all models, and return the sessions that ask them in decorated functions.

    In the thread that imported `spaces`, and before the page is launched: no other way leads to the GPU.

    Args:
        checkpoints: Folder with one checkpoint a subfolder.
        decorator: What `find_decorator` returns.
        gradio_error: As for `ZeroGPU`.
        device: Where the models run.
        default_checkpoint: As a session's.
        preset: As a session's.
        translator: As a session's.

    Raises:
        CheckpointError: a checkpoint is damaged, or made for other frozen models.
        ConfigError: there is no such device.
        ModelError: a frozen model cannot be loaded.
    """
    options = {"default_checkpoint": default_checkpoint, "preset": preset, "translator": translator}
    local = Session(checkpoints, device=device, compiled=False, **options)
    local.check_checkpoints()
    local.load()
    gpu = ZeroGPU(local, decorator, gradio_error)
    session = RemoteSession(gpu, checkpoints, at_once=AT_ONCE, **options)
    return session, RemoteLayerSession(session, gpu)


class ZeroGPU:
    """Has a session asked in decorated functions; see `fusion_demo.remote.Answers`.

    Args:
        session: Loaded; not to be asked by anyone else.
        decorator: `spaces.GPU`.
        gradio_error: `gr.Error`, with a title and a message. `spaces` raises it where there is no GPU to be
            had, a quota is used up, or an answer took too long or failed.
    """

    def __init__(self, session: Session, decorator: Decorator, gradio_error: type[Exception]) -> None:
        answers, marks = SessionAnswers(session), StopMarks(STREAMS)

        @decorator(duration=DURATION)
        def ask(method: str, arguments: tuple, options: dict) -> Any:
            return answers.ask(method, arguments, options)

        @decorator(duration=DURATION)
        def stream(place: int, method: str, arguments: tuple, options: dict) -> Iterator[Any]:
            yield from answers.stream(method, arguments, options, MarkedStop(marks, place))

        self._ask, self._stream = ask, stream
        self._marks = marks
        self._gradio_error = gradio_error

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what `SessionAnswers.ask` returns.

        Raises:
            FusionDemoError: what was refused there, or `ModelError`, with the words of `spaces`.
        """
        with self._as_ours():
            return accepted(self._ask(method, arguments, options))

    def stream(
        self, method: str, *arguments: Any, stop: Event | None = None, **options: Any
    ) -> Iterator[Any]:
        """Yield what `SessionAnswers.stream` yields.

        Args:
            method: One that `SessionAnswers.stream` knows.
            arguments: Of the method.
            stop: Ends the answer when set, as closing the iterator does.
            options: Of the method, by name.

        Raises:
            FusionDemoError: as `ask`.
        """
        with self._marks.place() as place:
            items = self._stream(place, method, arguments, options)
            try:
                with self._as_ours(), passed_on(stop, lambda: self._marks.set(place)):
                    for item in items:
                        yield accepted(item)
            finally:
                items.close()  # ends the answer after its next bit, and waits until it has ended

    @contextmanager
    def _as_ours(self) -> Iterator[None]:
        """Make an error for the user of one of `spaces`: each tab shows it, and loses nothing."""
        try:
            yield
        except self._gradio_error as error:
            raise ModelError(f"{error.title}: {error.message}") from error


class StopMarks:
    """Marks that this process sets and the processes forked from it see: memory that all of them share.

    Args:
        places: How many marks there are.
    """

    def __init__(self, places: int) -> None:
        self._marks = mmap(-1, places)
        self._free: SimpleQueue[int] = SimpleQueue()
        for place in range(places):
            self._free.put(place)

    @contextmanager
    def place(self) -> Iterator[int]:
        """Lend the place of a mark for a `with` block, not set at first; wait for one if all are lent."""
        place = self._free.get()
        self._marks[place] = 0
        try:
            yield place
        finally:
            self._free.put(place)

    def set(self, place: int) -> None:
        """Set a mark."""
        self._marks[place] = 1

    def is_set(self, place: int) -> bool:
        """Tell whether a mark is set."""
        return bool(self._marks[place])


class MarkedStop(Event):
    """An event that is set, too, while a mark is: for those who ask `is_set`, not for those who wait.

    Args:
        marks: Where the mark is.
        place: Which one.
    """

    def __init__(self, marks: StopMarks, place: int) -> None:
        super().__init__()
        self._of, self._place = marks, place

    def is_set(self) -> bool:
        """Tell whether the event or its mark is set."""
        return super().is_set() or self._of.is_set(self._place)
