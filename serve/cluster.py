"""Starts Ray and the replicas, and ends them."""

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

import ray
from ray import serve

from fusion_demo.errors import ConfigError, ModelError
from serve.options import ReplicaOptions
from serve.replica import Replica
from serve.replicas import Replicas
from serve.stop_board import StopBoard

NAME = "fusion-demo"
OBJECT_STORE_BYTES = 256 * 2**20
"""Of the memory that Ray's processes share, for what answers pass through; Ray would take 30 % of it all."""

ONGOING = 16
"""Requests that a replica takes; further ones wait for any replica."""


def keep_to_oneself(environment: MutableMapping[str, str]) -> None:
    """Have Ray report nothing to its makers, unless the user wants it to. Before Ray starts."""
    environment.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@contextmanager
def start_replicas(options: ReplicaOptions, *, address: str = "") -> Iterator[Replicas]:
    """Start replicas for a `with` block; all are warm when it begins.

    Args:
        options: How many, and of what.
        address: Of a Ray cluster that runs already, as "auto"; empty: one of this machine alone, which
            listens to no other.

    Raises:
        ModelError: a replica does not start.
        ConfigError: there is no such cluster.
    """
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address:
        try:
            ray.init(address, **quiet)
        except ConnectionError:
            raise ConfigError(
                f"There is no Ray cluster at '{address}'. Start one with `ray start --head`, or leave out "
                "--address."
            ) from None
    else:
        ray.init(
            _node_ip_address="127.0.0.1",  # whoever reaches a cluster may run anything on it
            num_cpus=options.most * options.threads,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            **quiet,
        )
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    try:
        quiet_logs = {"enable_access_log": False, "log_level": "WARNING"}
        serve.start(proxy_location="Disabled", logging_config=quiet_logs)
        board = ray.remote(StopBoard).options(num_cpus=0, max_restarts=-1).remote()
        deployment = serve.deployment(Replica).options(
            name="Replica",
            ray_actor_options={
                "num_cpus": options.threads,
                "num_gpus": int(options.device.startswith("cuda")),
            },
            autoscaling_config={"min_replicas": options.replicas, "max_replicas": options.most},
            max_ongoing_requests=ONGOING,
            health_check_period_s=5,
        )
        try:
            handle = serve.run(deployment.bind(options, board), name=NAME, route_prefix=None)
        except RuntimeError as error:
            raise ModelError(f"The replicas do not start. Ray says: {error}") from None
        yield Replicas(handle, board)
    finally:
        serve.shutdown()
        ray.shutdown()
