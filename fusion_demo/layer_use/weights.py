"""How much of each layer goes into the texts of a language (the paper's Figure 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge
from fusion_demo.encoder import EncodedTexts
from fusion_demo.resampling import bootstrap_mean
from fusion_demo.tokens import Text, Token


@dataclass(frozen=True)
class LayerUse:
    """The layers of N texts, each the mean over the text's own tokens, special ones left out.

    Attributes:
        weights: (N, L) weights α; each row sums to 1.
        shares: (N, L) what each layer adds to the fused state, α · ‖h‖, as a share of all layers; each row
            sums to 1. A layer with long states adds more than its weight says.
    """

    weights: np.ndarray
    shares: np.ndarray


@torch.no_grad()
def measure_layer_use(
    bridge: FusionBridge, texts: Sequence[Text], *, batch_size: int, description: str = ""
) -> LayerUse:
    """Fuse texts and return how much of each layer was used. The LLM is not asked.

    Args:
        bridge: In evaluation mode.
        texts: N texts.
        batch_size: Texts per batch.
        description: Shown before the progress bar; there is none where stderr is no terminal.
    """
    weights = np.empty((len(texts), len(bridge.fusion.layers)))
    shares = np.empty_like(weights)
    with tqdm(total=len(texts), desc=description, unit="text", disable=None, leave=False) as progress:
        for batch in batches_by_length(texts, batch_size):
            _, use = fuse_and_measure(bridge, [texts[index] for index in batch])
            weights[batch], shares[batch] = use.weights, use.shares
            progress.update(len(batch))
    return LayerUse(weights, shares)


@torch.no_grad()
def fuse_and_measure(bridge: FusionBridge, texts: Sequence[Text]) -> tuple[EncodedTexts, LayerUse]:
    """Fuse texts in one batch; return what the encoder says and how much of each layer was used.

    Args:
        bridge: In evaluation mode.
        texts: N texts.
    """
    encoded, states, fusion = bridge.fuse(texts)
    added = bridge.fusion.contributions(states, fusion.layer_weights)
    share = added / added.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(added.dtype).tiny)
    weights, shares = (mean_of_own_tokens(values, encoded.tokens) for values in (fusion.layer_weights, share))
    return encoded, LayerUse(weights, shares)


def mean_of_own_tokens(values: Tensor, tokens: Sequence[Sequence[Token]]) -> np.ndarray:
    """Return the mean over each text's own tokens: (B, T, L) -> (B, L).

    Special tokens stand for no part of the text and are left out, unless there is nothing else.
    """
    rows = []
    for row, line in zip(values, tokens, strict=True):
        own = [position for position, token in enumerate(line) if not token.special]
        rows.append(row[own or range(len(line))].double().mean(dim=0))
    return torch.stack(rows).cpu().numpy()


def summarise_layer_use(use: LayerUse, *, seed: int = 0) -> dict[str, Any]:
    """Return the means over texts with their 95 % bootstrap bands over texts.

    Returns:
        `n`; `weights` and `shares`, one number per layer; `weights_interval` and `shares_interval`, low and
        high, one number per layer each.

    Raises:
        DataError: there are fewer than two texts.
    """
    return {
        "n": len(use.weights),
        "weights": use.weights.mean(axis=0).tolist(),
        "weights_interval": bootstrap_mean([use.weights], seed=seed).tolist(),
        "shares": use.shares.mean(axis=0).tolist(),
        "shares_interval": bootstrap_mean([use.shares], seed=seed).tolist(),
    }
