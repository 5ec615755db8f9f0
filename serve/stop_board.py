"""Where it is written which answers are to end: no other way leads to the very replica that writes one."""

import asyncio
from collections import OrderedDict

REMEMBERED = 10_000
"""Requests that were stopped last; a replica may ask about one only after it was stopped."""


class StopBoard:
    """An actor of the cluster."""

    def __init__(self) -> None:
        self._stopped: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, asyncio.Event] = {}

    async def stop(self, request: str) -> None:
        """Say that a request is to end; one that has ended is not harmed."""
        self._stopped[request] = None
        while len(self._stopped) > REMEMBERED:
            self._stopped.popitem(last=False)
        if waiting := self._waiting.get(request):
            waiting.set()

    async def wait(self, request: str) -> None:
        """Return when a request is to end."""
        if request in self._stopped:
            return
        event = self._waiting.setdefault(request, asyncio.Event())
        try:
            await event.wait()
        finally:
            self._waiting.pop(request, None)
