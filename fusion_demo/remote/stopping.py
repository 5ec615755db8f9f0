"""Hands on that a visitor pressed Stop: an event of this process is set in no other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

STOP_SECONDS = 0.05
"""How often it is looked whether a visitor pressed Stop."""


@contextmanager
def passed_on(stop: Event | None, tell: Callable[[], object]) -> Iterator[None]:
    """Call `tell` once, if `stop` is set during a `with` block.

    Args:
        stop: What a visitor's Stop sets; None: nobody can.
        tell: Hands it on.
    """
    ended = Event()

    def look() -> None:
        while not ended.is_set():
            if stop.wait(STOP_SECONDS):
                tell()
                return

    if stop is not None:
        Thread(target=look, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
