"""Layers of a frozen LLM that, while a bridge is trained, give a gradient to their input alone.

PyTorch differentiates transformers' layers operation by operation, each of which reads and writes all
positions anew. Where the weights are frozen, the gradient is short enough to be written out.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional
from transformers import PreTrainedModel

PROBED = 3
"""Random vectors on which a norm has to be the one that is known here."""


def lean_layers(model: PreTrainedModel) -> None:
    """Put `FrozenRMSNorm` and `FrozenHead` in the place of an LLM's norms and output layer.

    Names and numbers of the parameters stay. A norm that computes anything else, as Gemma's, is left as it
    is, and so is an output layer that is not a linear one.

    Args:
        model: Frozen; changed in place.
    """
    for parent in list(model.modules()):
        for name, module in parent.named_children():
            if _is_known_norm(module):
                setattr(parent, name, FrozenRMSNorm(module.weight, module.variance_epsilon))
    if type(head := model.get_output_embeddings()) is nn.Linear:
        model.set_output_embeddings(FrozenHead(head.weight, head.bias))


class FrozenRMSNorm(nn.Module):
    """Norm by the root mean square (Zhang and Sennrich, 2019, "Root Mean Square Layer Normalization").

    Args:
        weight: (E,), frozen.
        variance_epsilon: Added to the mean square.
    """

    def __init__(self, weight: nn.Parameter, variance_epsilon: float) -> None:
        super().__init__()
        self.weight, self.variance_epsilon = weight, variance_epsilon

    def forward(self, states: Tensor) -> Tensor:
        """Return the normed states, (…, E) -> (…, E), bit for bit those of transformers."""
        if _wants_gradient(states, self.weight):
            return _RMSNorm.apply(states, self.weight, self.variance_epsilon)
        normed, _ = _normed(states, self.variance_epsilon)
        return self.weight * normed


class FrozenHead(nn.Module):
    """The output layer: a logit for each word of the vocabulary.

    Args:
        weight: (V, E), frozen.
        bias: (V,), frozen, or None.
    """

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, states: Tensor) -> Tensor:
        """Return the logits, (…, E) -> (…, V)."""
        # A slice of positions would be multiplied row by row, each reading the whole vocabulary again.
        states = states.contiguous()
        if states.device.type != "cpu" or not _wants_gradient(states, self.weight):
            return functional.linear(states, self.weight, self.bias)
        logits = _TallProduct.apply(states.flatten(0, -2), self.weight)
        if self.bias is not None:
            logits = logits + self.bias
        return logits.unflatten(0, states.shape[:-1])


class _RMSNorm(Function):
    """y = w · x · r with r = (mean(x²) + ε)^(-1/2); dx = r · (w · dy − x · r² · mean(w · dy · x))."""

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        normed, scale = _normed(states, epsilon)
        context.save_for_backward(states, scale, weight)
        return normed.mul_(weight)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        states, scale, weight = context.saved_tensors
        weighted = gradient * weight
        shared = (weighted * states).mean(dim=-1, keepdim=True).mul_(scale.square()).neg_()
        return weighted.addcmul_(states, shared).mul_(scale), None, None


class _TallProduct(Function):
    """x · Wᵀ for few rows x and many of W, with W on the left: so a CPU's cores each take a part of W."""

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Tensor) -> Tensor:
        context.save_for_backward(weight)
        return (weight @ states.T).T

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (weight,) = context.saved_tensors
        return (weight.T @ gradient.T).T, None


def _normed(states: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return x · r and r, of shapes (…, E) and (…, 1)."""
    # transformers' own order, which says where less than float32 is rounded.
    full = states.to(torch.float32)
    scale = full.square().mean(dim=-1, keepdim=True).add_(epsilon).rsqrt_()
    return (full * scale).to(states.dtype), scale


def _wants_gradient(states: Tensor, weight: Tensor) -> bool:
    """Whether a gradient of the input alone may be asked for, in the number format it is written out for."""
    asked = torch.is_grad_enabled() and states.requires_grad and not weight.requires_grad
    return asked and states.dtype == weight.dtype == torch.float32


@torch.no_grad()
def _is_known_norm(module: nn.Module) -> bool:
    """Whether a module computes what `FrozenRMSNorm` does: by its name, and on a few vectors."""
    if not type(module).__name__.endswith("RMSNorm") or not hasattr(module, "variance_epsilon"):
        return False
    weight = module.weight
    probe = torch.randn(PROBED, len(weight), generator=torch.Generator().manual_seed(0))
    probe = probe.to(weight.device, weight.dtype)
    return torch.equal(module(probe), FrozenRMSNorm(weight, module.variance_epsilon)(probe))
