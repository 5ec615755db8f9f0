"""What a training needs to go on where it stopped, in one file."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from fusion_demo.tensors import read_tensors, write_tensors

STATE = "state.safetensors"


@dataclass
class Progress:
    """Where a training stands; all of it is saved, so that a resumed training takes the same way.

    Attributes:
        updates: Updates made.
        evaluated: Updates made when the dev sets were last measured.
        seconds: Time spent, over all its sessions.
        best: Score of the best evaluation: mean dev accuracy, then mean log-likelihood; of a task that is
            answered freely, minus the mean loss. None before the first.
        best_update: When that was.
        since_best: Evaluations since then.
        judged_by: Digest of the dev examples of that score, which others cannot be compared with.
        warm_start: What the warm start says of itself: updates, examples, seconds.
    """

    updates: int = 0
    evaluated: int = 0
    seconds: float = 0.0
    best: tuple[float, float] | None = None
    best_update: int = 0
    since_best: int = 0
    judged_by: str = ""
    warm_start: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, saved: dict[str, Any]) -> Self:
        """Return what a state says."""
        # Before "evaluated" was saved, a state was written behind the evaluation that was due.
        return cls(**{"evaluated": saved["updates"], **saved, "best": saved["best"] and tuple(saved["best"])})


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
