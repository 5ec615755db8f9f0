"""Started by `test_sharding.py` in each of two processes: shards a tiny bridge, says what is left of it."""

import json
import sys
from pathlib import Path

import torch
from accelerate import Accelerator

from fusion_demo.config import BridgeConfig
from fusion_demo.frozen import FrozenModels
from train_cli.sharding import is_sharded, shard_frozen


def main() -> None:
    output = sys.argv[1]
    accelerator = Accelerator(cpu=True)
    torch.manual_seed(0)
    config = BridgeConfig(encoder="tiny:encoder", llm="tiny:llm", fusion="global-softmax")
    bridge = FrozenModels().build(config)
    frame = bridge.frame("Say it.", "{text}")
    with torch.no_grad():
        whole = bridge(["a story", "rain"], ["sun", "hill"], frame).item()
    parameters = sum(p.numel() for p in bridge.parameters())
    shard_frozen(bridge, accelerator)
    loss = bridge(["a story", "rain"], ["sun", "hill"], frame)
    loss.backward()
    held = sum((p.to_local() if hasattr(p, "to_local") else p).numel() for p in bridge.parameters())
    found = {
        "sharded": is_sharded(bridge),
        "whole": whole,
        "loss": loss.item(),
        "parameters": parameters,
        "held": held,
        "trained_whole": not any(is_sharded(part) for part in (bridge.fusion, bridge.projection)),
        "gradients": all(p.grad is not None for p in bridge.fusion.parameters()),
    }
    Path(f"{output}.{accelerator.process_index}").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
