"""Activation checkpointing (Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost").

What the frozen LLM's layers keep for the way back is most of a training's memory. A layer that is recomputed
keeps its input alone, and computes the rest a second time on the way back.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers import Cache, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from fusion_demo.errors import ConfigError


@contextmanager
def recomputed_layers(llm: PreTrainedModel, fraction: float) -> Iterator[None]:
    """Let layers of an LLM that run in the body of a `with` keep no more than their input.

    Losses and gradients are the same. transformers' own way is not taken: it wants the LLM in training mode,
    with its dropout, and takes the keys and values of the prefix away. The first layers are chosen: when they
    are recomputed, those behind them have given their memory back.

    Args:
        llm: The frozen LLM.
        fraction: Of its layers, 0 to 1.

    Raises:
        ConfigError: its layers are not known to transformers as such.
    """
    layers = [module for module in llm.modules() if isinstance(module, GradientCheckpointingLayer)]
    if fraction and not layers:
        raise ConfigError(
            f"The layers of this LLM ({llm.config.model_type}) cannot be recomputed. Leave out --recompute."
        )
    chosen = layers[: round(fraction * len(layers))]
    for layer in chosen:
        layer.forward = partial(_keep_input, layer.forward)
    try:
        yield
    finally:
        for layer in chosen:
            del layer.forward


def _keep_input(forward: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    if not torch.is_grad_enabled():  # there is no way back; and a prefix's cache is to be filled
        return forward(*inputs, **options)

    def run(*inputs: Any, **options: Any) -> Any:
        # Copies: each run adds the text's keys and values to those of the prefix.
        inputs = tuple(_own(value) for value in inputs)
        return forward(*inputs, **{name: _own(value) for name, value in options.items()})

    # A frozen LLM has no dropout, so there is no state of a generator to be kept.
    return checkpoint(run, *inputs, use_reentrant=False, preserve_rng_state=False, **options)


def _own(value: Any) -> Any:
    """Return a value as it is, but a cache as a new one of the same tensors, which nobody writes to."""
    if not isinstance(value, Cache):
        return value
    copied = copy.copy(value)
    copied.layers = [copy.copy(layer) for layer in value.layers]
    return copied
