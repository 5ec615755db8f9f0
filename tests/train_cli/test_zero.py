"""`--deepspeed`, whose package is not in requirements.txt: two processes run in a Python that has it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fusion_demo.errors import ConfigError
from tests.extra_python import ROOT, python_with
from tests.train_cli.two_processes import launch, losses, recipe, write_data
from train_cli.__main__ import main
from train_cli.zero import read_zero_options

CONFIGS = sorted((ROOT / "configs").glob("zero3*.json"))
SCRIPT = Path(__file__).parent / "sharded_bridge.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return python_with("requirements-deepspeed.txt", tmp_path_factory.mktemp("deepspeed-python"))


@pytest.fixture
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.mark.timeout(600)
def test_each_process_holds_a_share_of_every_frozen_parameter(python, tmp_path):
    launch(python, SCRIPT, tmp_path / "found", ROOT / "configs" / "zero3.json")
    shares = [json.loads((tmp_path / f"found.{process}").read_text()) for process in range(2)]
    for share in shares:
        assert share["sharded"]
        assert share["embeddings_sharded"]
        assert share["trained_whole"]
        assert share["losses"] == pytest.approx([share["whole"]] * 2, abs=1e-5)
        assert share["gradient_difference"] < 1e-5
        assert share["held"] < 0.52 * share["parameters"]
        assert share["counted"] == share["parameters"]
    assert shares[0]["scores"] == shares[1]["scores"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_two_processes_learn_what_one_learns(python, data, tmp_path, config):
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(recipe(data, one, 4)) == 0
    shown = launch(python, "-m", "train_cli", *recipe(data, two, 2), "--deepspeed", config)
    assert shown.count("frozen: 35,840") == shown.count("best at update") == 1
    assert losses(two) == pytest.approx(losses(one), abs=1e-4)


@pytest.mark.timeout(600)
def test_one_process_may_leave_its_share_in_main_memory(python, data, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    assert main(recipe(data, one, 4)) == 0
    options = ("--deepspeed", ROOT / "configs" / "zero3-offload.json")
    launch(python, "-m", "train_cli", *recipe(data, other, 4), *options, processes=1)
    assert losses(other) == pytest.approx(losses(one), abs=1e-4)


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_the_shipped_options_are_read(installed, config):
    assert read_zero_options(config) == json.loads(config.read_text())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not valid JSON"),
        ("[3]", 'must say "zero_optimization"'),
        ('{"zero_optimization": 3}', 'must say "zero_optimization"'),
        ('{"zero_optimization": {"stage": 2}}', "no other stage of ZeRO shares what is frozen"),
        (
            '{"zero_optimization": {"stage": 3}, "optimizer": {}, "bf16": {"enabled": true}}',
            "so bf16, optimizer would do nothing. Leave it out",
        ),
    ],
)
def test_options_that_cannot_be_used_are_refused(installed, tmp_path, text, problem):
    (tmp_path / "options.json").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_zero_options(tmp_path / "options.json")


def test_options_that_are_not_there_are_refused(installed, tmp_path):
    with pytest.raises(ConfigError, match=r"Cannot read DeepSpeed's options from .*none\.json"):
        read_zero_options(tmp_path / "none.json")


def test_a_process_alone_is_told_how_to_start_several(installed, data, tmp_path, capsys):
    options = ("--deepspeed", str(ROOT / "configs" / "zero3.json"))
    assert main([*recipe(data, tmp_path / "out", 4), *options]) == 2
    assert "torchrun --nproc_per_node N -m train_cli train" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_the_package_it_is_refused_with_a_sentence(data, tmp_path):
    options = ("--deepspeed", ROOT / "configs" / "zero3.json")
    done = subprocess.run(
        [sys.executable, "-m", "train_cli", *recipe(data, tmp_path / "out", 4), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "--deepspeed needs one more package. Run: pip install -r requirements-deepspeed.txt" in done.stderr
