"""Asks any replica, and another one where the first one dies before it has answered."""

from collections.abc import Iterator
from threading import Event
from typing import Any
from uuid import uuid4

from ray.actor import ActorHandle
from ray.exceptions import RayActorError
from ray.serve.handle import DeploymentHandle

from fusion_demo.errors import ModelError
from fusion_demo.remote import accepted, passed_on

TRIES = 3
"""A request that ends so many processes is not asked again: it may be what ends them."""

GONE = "The processes that answered have ended, three in a row. Try again; a shorter text needs less memory."


class Replicas:
    """All replicas of a deployment.

    Args:
        handle: Of the deployment of `Replica`.
        board: Handle of the `StopBoard`.
    """

    def __init__(self, handle: DeploymentHandle, board: ActorHandle) -> None:
        self._handle = handle
        self._streams = handle.options(stream=True)
        self._board = board

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what a method of `Replica` returns.

        Raises:
            FusionDemoError: what the replica refused, or `ModelError` where `TRIES` replicas died over it.
        """
        for _ in range(TRIES):
            try:
                answer = getattr(self._handle, method).remote(*arguments, **options).result()
            except RayActorError:
                continue
            return accepted(answer)
        raise ModelError(GONE)

    def stream(
        self, method: str, *arguments: Any, stop: Event | None = None, **options: Any
    ) -> Iterator[Any]:
        """Yield what `Replica.stream` yields.

        Where a replica dies, another one begins anew, and what was yielded already is passed over: the same
        question is answered in the same steps everywhere.

        Args:
            method: One that `Replica.stream` knows.
            arguments: Of the method.
            stop: Ends the answer when set, as closing the iterator does.
            options: Of the method, by name.

        Raises:
            FusionDemoError: what the replica refused, or `ModelError` where `TRIES` replicas died over it.
        """
        yielded = 0
        for _ in range(TRIES):
            request = uuid4().hex
            try:
                with passed_on(stop, lambda request=request: self._board.stop.remote(request)):
                    items = self._streams.stream.remote(request, method, arguments, options)
                    for number, item in enumerate(items):
                        if number >= yielded:
                            yielded += 1
                            yield accepted(item)
                return
            except RayActorError:
                continue
            finally:
                self._board.stop.remote(request)
        raise ModelError(GONE)
