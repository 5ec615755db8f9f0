"""Ctrl-C between two updates: what is saved then is never half an update."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class WholeSteps:
    """Makes Ctrl-C wait for the end of a step. As a context manager around one; it may be used again.

    The first Ctrl-C is raised as `KeyboardInterrupt` at the end of the step, the second at once.

    Attributes:
        whole: No step was broken off so far, by an error or by a second Ctrl-C.
    """

    def __init__(self) -> None:
        self.whole = True
        self._asked = False
        self._before: signal.Handlers | None = None

    def __enter__(self) -> Self:
        """Begin a step."""
        self.whole = False
        ours = threading.current_thread() is threading.main_thread()  # the only one that Ctrl-C reaches
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._wait)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End a step."""
        if kind is None:
            self.whole = True
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
        if self._asked and kind is None:
            self._asked = False
            raise KeyboardInterrupt

    def _wait(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
