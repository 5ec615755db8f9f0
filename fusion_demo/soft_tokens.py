"""Texts in the form in which the LLM gets them, and how training disturbs them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_demo.text_prompt import TextPrompt
from fusion_demo.tokens import Token


@dataclass(frozen=True)
class SoftTokens:
    """Texts as the LLM gets them.

    Attributes:
        embeddings: (B, S, E) soft tokens: the relation and sentence tokens, if the config asks for them,
            then one for each of the T encoder tokens or each word, or none, as the config's unit says.
        mask: (B, S), True where a soft token stands.
        layer_weights: (B, T, L), the weights with which the fusion mixed the layers: one column for each
            of its `layers`.
        tokens: The encoder's tokens of each text.
        truncated: Whether a text was longer than the encoder reads.
        prompt: The texts themselves, which the LLM reads behind the boundary, if the config asks for them.
        summaries: How many leading soft tokens stand for a whole text or pair.
        parts: (B, T), 0 at the tokens of a text or of a pair's first text, 1 at those of its second.
    """

    embeddings: Tensor
    mask: Tensor
    layer_weights: Tensor
    tokens: list[list[Token]]
    truncated: list[bool]
    prompt: TextPrompt | None
    summaries: int
    parts: Tensor


def disturb(soft: SoftTokens, *, noise: float, dropout: float) -> tuple[Tensor, Tensor]:
    """Return embeddings and mask as a training step shows them to the LLM.

    What is hidden is left out, which changes nothing but the time: the LLM's passes are what a step costs.
    Tokens that stand for a whole text or pair are never hidden.

    Args:
        soft: The soft tokens of B texts.
        noise: Standard deviation of Gaussian noise, relative to each token's own root mean square.
        dropout: Fraction of the encoder tokens' soft tokens that is hidden.

    Returns:
        (B, S', E) and (B, S'), S' at most S.
    """
    embeddings, mask = soft.embeddings, soft.mask
    if noise:
        scale = embeddings.detach().pow(2).mean(dim=-1, keepdim=True).sqrt()
        embeddings = embeddings + noise * scale * torch.randn_like(embeddings)
    if dropout:
        kept = torch.rand(mask.shape, device=mask.device) >= dropout
        kept[:, : soft.summaries] = True
        embeddings, mask = pack(embeddings, mask & kept)
    return embeddings, mask


def pack(embeddings: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Leave out the positions that no row needs; what is kept stays in order.

    Example: the mask rows (1, 0, 1) and (0, 0, 1) -> (1, 1) and (1, 0), with the embeddings to match.
    """
    kept = int(mask.sum(dim=1).max())
    order = mask.int().argsort(dim=1, descending=True, stable=True)[:, :kept]
    return embeddings.gather(1, order[..., None].expand(-1, -1, embeddings.shape[-1])), mask.gather(1, order)
