"""What a training needs to go on where it stopped, in one file."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fusion_demo.tensors import read_tensors, write_tensors

STATE = "state.safetensors"


def save_state(
    folder: Path,
    parameters: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    progress: dict[str, Any],
) -> None:
    """Write the trained parameters, AdamW's moments and the progress; they always belong together.

    Args:
        folder: The `last` folder of a training.
        parameters: Trained parameters by name.
        optimizer: The AdamW that trains them, with at least one update behind it.
        progress: Plain numbers and texts.
    """
    tensors = {}
    for name, parameter in parameters.items():
        moments = optimizer.state[parameter]
        tensors |= {
            name: parameter,
            f"{name}@exp_avg": moments["exp_avg"],
            f"{name}@exp_avg_sq": moments["exp_avg_sq"],
            f"{name}@step": moments["step"],
        }
    write_tensors(folder / STATE, tensors, note=json.dumps(progress))


@torch.no_grad()
def load_state(
    folder: Path, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """Put a saved state back into the parameters and the optimiser; return the progress.

    Raises:
        CheckpointError: the file is missing, damaged, or of another bridge.
    """
    expected = {}
    for name, parameter in parameters.items():
        shape = tuple(parameter.shape)
        expected |= {name: shape, f"{name}@exp_avg": shape, f"{name}@exp_avg_sq": shape, f"{name}@step": ()}
    tensors, note = read_tensors(folder / STATE, expected)
    for name, parameter in parameters.items():
        parameter.copy_(tensors[name])
        optimizer.state[parameter] = {
            "step": tensors[f"{name}@step"],
            "exp_avg": tensors[f"{name}@exp_avg"].to(parameter.device),
            "exp_avg_sq": tensors[f"{name}@exp_avg_sq"].to(parameter.device),
        }
    return json.loads(note)
