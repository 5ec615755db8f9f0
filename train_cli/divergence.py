"""A training whose numbers are no longer finite: at which row, and what to look at."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from fusion_demo.bridge import FusionBridge
from fusion_demo.data import Example
from fusion_demo.errors import TrainingError, shown

LARGEST_SCALE = 100.0
"""Root mean square of soft tokens, as a multiple of the LLM's embeddings: only too high a learning rate leads
there."""

LONGEST_LIST = 8


def check_finite(
    loss: float,
    norm: Tensor,
    *,
    update: int,
    rate_option: str,
    bridge: FusionBridge,
    parameters: Mapping[str, nn.Parameter],
    examples: Sequence[Example],
    loss_of: Callable[[Example], Tensor],
) -> None:
    """End a training before an update whose loss or gradient is not finite.

    Args:
        loss: Of the update.
        norm: Of its gradient.
        update: Updates made before it.
        rate_option: The option that sets its learning rate.
        bridge: As it was before the update.
        parameters: What is trained, by name.
        examples: All examples of the update, in the same order in every process.
        loss_of: Gives the loss of an example alone.

    Raises:
        TrainingError: one of them is not finite; the message names the row, and what to look at.
    """
    if torch.isfinite(norm) and math.isfinite(loss):
        return
    trained = list(parameters.values())
    failing = [example for example in examples if not _learns(loss_of, example, trained)]
    named = ", ".join(str(example.row) for example in examples[:LONGEST_LIST])
    more = " …" if len(examples) > LONGEST_LIST else ""
    where = f"row {failing[0].row} ({shown(failing[0].text)})" if failing else f"one of rows {named}{more}"
    what = f"loss ({loss})" if not math.isfinite(loss) else "gradient"
    everywhere = len(failing) == len(examples)
    advice = _advice(bridge, trained, (failing or examples)[0], everywhere, update, rate_option)
    raise TrainingError(
        f"The {what} of update {update + 1} is not finite, at {where} of the training data, counted from 0. "
        f"{advice}"
    )


def _learns(loss_of: Callable[[Example], Tensor], example: Example, trained: list[nn.Parameter]) -> bool:
    """Whether an example alone has a finite loss and a finite gradient."""
    with torch.enable_grad():
        loss = loss_of(example)
        gradients = torch.autograd.grad(loss, trained, allow_unused=True)
    return all(bool(torch.isfinite(value).all()) for value in (loss, *gradients) if value is not None)


@torch.no_grad()
def _advice(
    bridge: FusionBridge,
    trained: list[nn.Parameter],
    example: Example,
    everywhere: bool,
    update: int,
    rate_option: str,
) -> str:
    """Return which of learning rate, dtype and data to look at, as a sentence.

    What was learned is too large: the learning rate. A frozen model that computes in float16, whose largest
    number is 65,504: the dtype. Nothing learned yet, or other rows are fine: the row.
    """
    rate = f"Look at the learning rate: give a smaller {rate_option}."
    dtype = "Look at the dtype: float16 overflows here; give --dtype bfloat16 or float32."
    data = "Look at the data: other rows are fine; correct or remove this one."
    half = torch.float16 in (bridge.encoder.model.dtype, bridge.llm.model.dtype)
    if not all(bool(torch.isfinite(parameter).all()) for parameter in trained):
        return rate
    encoded = bridge.encoder([example.text])
    if not torch.isfinite(encoded.layer_states[encoded.mask]).all():
        return dtype if half else data
    soft = bridge.soft_tokens([example.text])
    scale = soft.embeddings[soft.mask].float().pow(2).mean().sqrt().item() / bridge.llm.embedding_rms
    if update and not scale <= LARGEST_SCALE:
        return f"{rate} The soft tokens are {scale:.3g} times as large as the LLM's own embeddings."
    if half:
        return dtype
    return rate if update and everywhere else data
