"""Frozen models in shares: less is held, nothing is computed otherwise."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from accelerate.utils import DistributedType
from torch import nn
from transformers import MT5Config, MT5EncoderModel

from fusion_demo.errors import ConfigError
from tests.train_cli.two_processes import launch
from train_cli.__main__ import main
from train_cli.sharding import blocks, check_sharding, is_sharded

SCRIPT = Path(__file__).parent / "sharded_bridge.py"


def test_each_process_holds_a_share_and_computes_the_same(tmp_path):
    launch(sys.executable, SCRIPT, tmp_path / "found")
    shares = [json.loads((tmp_path / f"found.{process}").read_text()) for process in range(2)]
    for share in shares:
        assert share["sharded"]
        assert share["trained_whole"]
        assert share["losses"] == pytest.approx([share["whole"]] * 2, abs=1e-6)
        assert share["gradient_difference"] < 1e-6
        assert share["held"] < share["parameters"] == share["counted"]
        assert not share["embeddings_sharded"]


def test_the_blocks_are_those_of_the_config(make_bridge):
    bridge = make_bridge()
    sizes = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_heads": 2, "vocab_size": 20}
    mt5 = MT5EncoderModel(MT5Config(num_layers=3, **sizes))
    for model in (bridge.encoder.model, bridge.llm.model, mt5):
        assert len(blocks(model)) == model.config.num_hidden_layers
    assert not is_sharded(bridge)


def test_a_model_without_a_list_of_blocks_is_refused():
    odd = nn.Linear(2, 2)
    odd.config = SimpleNamespace(num_hidden_layers=3)
    with pytest.raises(ConfigError, match="3 blocks of Linear cannot be found"):
        blocks(odd)


@pytest.mark.parametrize("kind", [DistributedType.FSDP, DistributedType.DEEPSPEED])
def test_a_launcher_that_shards_by_itself_is_refused(kind):
    accelerator = SimpleNamespace(distributed_type=kind, num_processes=2)
    with pytest.raises(ConfigError, match=rf"accelerate is set to {kind.value}.*--shard-frozen"):
        check_sharding(accelerator, shard_frozen=False)


def test_one_process_has_nobody_to_share_with(tmp_path, capsys):
    for split in ("train", "dev"):
        (tmp_path / f"{split}.en.jsonl").write_text('{"text": "a story", "label": "sports"}\n')
    given = ("--preset=tiny", "--task=news", f"--data={tmp_path}", f"--output={tmp_path / 'out'}")
    assert main(["train", *given, "--shard-frozen"]) == 2
    assert "this is the only one. Start more: accelerate launch" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
