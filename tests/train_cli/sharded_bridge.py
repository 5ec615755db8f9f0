"""Started in each of two processes: shards a tiny bridge, says what is left of it."""

import json
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from fusion_demo.bridge import FusionBridge
from fusion_demo.config import BridgeConfig
from fusion_demo.frozen import FrozenModels
from fusion_demo.prompt import PromptFrame
from train_cli.sharding import is_sharded, shard_frozen


def main() -> None:
    (output,) = sys.argv[1:]
    accelerator = Accelerator(cpu=True)
    torch.manual_seed(0)
    config = BridgeConfig(encoder="tiny:encoder", llm="tiny:llm", fusion="global-softmax")
    bridge = FrozenModels().build(config)
    frame = bridge.frame("Say it.", "{text}")
    whole, expected = learn(bridge, frame)
    parameters = sum(p.numel() for p in bridge.parameters())
    shard_frozen(bridge, accelerator)
    held = sum(share_of(p).numel() for p in bridge.parameters())
    rounds = [learn(bridge, frame) for _ in range(2)]
    differences = [
        (gradient - other).abs().max().item()
        for _, gradients in rounds
        for gradient, other in zip(gradients, expected, strict=True)
    ]
    found = {
        "sharded": is_sharded(bridge),
        "whole": whole,
        "losses": [loss for loss, _ in rounds],
        "gradient_difference": max(differences),
        "parameters": parameters,
        "counted": sum(p.numel() for p in bridge.parameters()),
        "held": held,
        "trained_whole": not any(is_sharded(part) for part in (bridge.fusion, bridge.projection)),
        "embeddings_sharded": is_sharded(bridge.llm.model.get_input_embeddings()),
        "scores": bridge.score_labels(["a story"], ["sun", "hill"], frame).log_likelihoods.tolist(),
    }
    Path(f"{output}.{accelerator.process_index}").write_text(json.dumps(found))


def learn(bridge: FusionBridge, frame: PromptFrame) -> tuple[float, list[Tensor]]:
    """Return the loss of a batch and its gradients."""
    bridge.zero_grad(set_to_none=True)
    loss = bridge(["a story", "rain"], ["sun", "hill"], frame)
    loss.backward()
    return loss.item(), [p.grad for p in bridge.parameters() if p.requires_grad]


def share_of(parameter: nn.Parameter) -> Tensor:
    """Return what this process holds of a parameter."""
    return parameter.to_local() if hasattr(parameter, "to_local") else parameter


if __name__ == "__main__":
    main()
