"""These tests need requirements-serve.txt; `tests/test_serving.py` runs them in a Python that has it."""

import importlib.util

import pytest

if importlib.util.find_spec("ray") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def options(chat_checkpoints):
    """Two replicas with the tiny checkpoints."""
    from serve.options import ReplicaOptions

    return ReplicaOptions(checkpoints=str(chat_checkpoints), max_characters=2000, replicas=2)
