"""A session, and one for layers, whose models are in replicas."""

from pathlib import Path

from fusion_demo import remote
from fusion_demo.remote import RemoteLayerSession
from serve.options import ReplicaOptions
from serve.replicas import Replicas

__all__ = ["RemoteLayerSession", "RemoteSession"]

PER_REPLICA = 4
"""Requests that the page hands on for each replica, so that some of them can be answered in one pass."""


class RemoteSession(remote.RemoteSession):
    """Has the replicas answer.

    Args:
        replicas: Who answers.
        options: What each replica's own session is made of.
    """

    def __init__(self, replicas: Replicas, options: ReplicaOptions) -> None:
        super().__init__(
            replicas,
            Path(options.checkpoints),
            default_checkpoint=options.default_checkpoint or None,
            preset=options.preset,
            translator=options.translator,
            at_once=options.most * PER_REPLICA,
        )
