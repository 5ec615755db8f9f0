"""One training in two processes learns what it learns in one."""

import sys

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from fusion_demo.checkpoint import read_checkpoint_info
from tests.train_cli.two_processes import launch, losses, recipe, write_data
from train_cli.__main__ import main


@pytest.fixture
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("options", [pytest.param((), marks=pytest.mark.sweep), ("--shard-frozen",)])
def test_two_processes_learn_what_one_learns_from_the_same_batches(data, tmp_path, options):
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(recipe(data, one, 4)) == 0
    shown = launch(sys.executable, "-m", "train_cli", *recipe(data, two, 2), *options)
    assert shown.count("41 English examples, 22 updates of 4") == 1
    assert shown.count("best at update") == 1
    assert len(losses(one)) == 3  # of the warm start, then of updates 10 and 20
    assert losses(two) == pytest.approx(losses(one), abs=1e-4)
    assert_close(
        load_file(two / "model.safetensors"), load_file(one / "model.safetensors"), atol=1e-4, rtol=1e-3
    )
    counts = [read_checkpoint_info(folder).metrics["training"]["examples"] for folder in (one, two)]
    assert counts[0] == counts[1]


@pytest.mark.sweep
@pytest.mark.parametrize("options", [(), ("--shard-frozen",)])
def test_a_dry_run_in_two_processes_speaks_once_and_ends(data, tmp_path, options):
    shown = launch(
        sys.executable, "-m", "train_cli", *recipe(data, tmp_path / "none", 2), "--dry-run", *options
    )
    assert shown.count("loss of one batch of") == shown.count("one update: ") == 1
    assert not (tmp_path / "none").exists()
