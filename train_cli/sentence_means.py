"""What sentence tokens are made from, over many texts: for their scale, and for their keyword warm start."""

from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge
from fusion_demo.pooling import mean_parts
from fusion_demo.tokens import Text

BATCH_SIZE = 64
SCALE_TEXTS = 4_000
"""Texts that mean and spread are taken from; a spread is known to one per cent then."""


@torch.no_grad()
def sentence_means(bridge: FusionBridge, texts: Sequence[Text], description: str) -> Tensor:
    """Return the mean state of each text, of a pair that of its first: (N, D), not standardised."""
    means = torch.empty(len(texts), bridge.encoder.width, device=bridge.projection.boundary.device)
    for batch in tqdm(batches_by_length(texts, BATCH_SIZE), desc=description, disable=None, leave=False):
        encoded, _, fusion = bridge.fuse([texts[i] for i in batch])
        states = bridge.sentence_states(fusion.fused, encoded)
        means[torch.tensor(batch)] = mean_parts(states, encoded.mask, encoded.parts)[0][:, 0]
    return means


def standardise(bridge: FusionBridge, texts: Sequence[Text]) -> None:
    """Give sentence tokens that were never trained the scale of what they are made from, by English texts."""
    if bridge.sentence is None or bridge.sentence.mean.any():
        return
    spread_out = texts[:: max(1, len(texts) // SCALE_TEXTS)]  # several data sets may stand behind one another
    bridge.sentence.standardise(sentence_means(bridge, spread_out, "scale of the sentence vectors"))
