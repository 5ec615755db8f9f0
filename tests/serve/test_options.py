import pytest

from fusion_demo.errors import ConfigError
from serve.options import ReplicaOptions


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"replicas": 0}, "--replicas must be at least 1, not 0"),
        ({"threads": 0}, "--threads must be at least 1, not 0"),
        ({"replicas": 3, "max_replicas": 2}, "--max-replicas must be at least --replicas, which is 3, not 2"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers, message):
    with pytest.raises(ConfigError, match=message):
        ReplicaOptions(checkpoints="x", max_characters=10, **numbers)


@pytest.mark.parametrize(("max_replicas", "most"), [(0, 2), (2, 2), (5, 5)])
def test_the_most_replicas_are_those_at_least(max_replicas, most):
    assert ReplicaOptions(checkpoints="x", max_characters=10, max_replicas=max_replicas).most == most
