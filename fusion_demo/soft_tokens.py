"""Texts in the form in which the LLM gets them, and how training disturbs them."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from fusion_demo.config import TrainConfig
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

    def repeated(self, times: int) -> "SoftTokens":
        """Return each text several times, one after the other: B × `times` texts, as the LLM reads them.

        Only what the LLM reads is repeated: the other attributes stay those of the B texts.
        """
        prompt = self.prompt
        if prompt is not None:
            rows = [i for i in range(len(self.mask)) for _ in range(times)]
            prompt = replace(
                prompt, ids=[prompt.ids[i] for i in rows], truncated=[prompt.truncated[i] for i in rows]
            )
        return replace(
            self,
            embeddings=self.embeddings.repeat_interleave(times, dim=0),
            mask=self.mask.repeat_interleave(times, dim=0),
            prompt=prompt,
        )

    def without_words(self, rows: Tensor) -> "SoftTokens":
        """Hide all but the tokens that stand for a whole text, in the rows (B,) that are True."""
        mask = self.mask.clone()
        mask[:, self.summaries :] &= ~rows[:, None]
        return replace(self, mask=mask)


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """How a training step disturbs the soft tokens, so that the LLM learns to read untidy ones too.

    A foreign word often reaches the LLM as two soft tokens where the English one is one, or the reverse.
    Tokens that stand for a whole text or pair are only ever noised. Whoever hears bad words, or none, has to
    trust these.

    Attributes:
        noise: Standard deviation of Gaussian noise, relative to each token's own root mean square.
        noise_max: Each text has a level of its own, drawn between `noise` and this; 0: all have `noise`.
        dropout: Fraction of the soft tokens that is hidden.
        hiding: Fraction of the texts of which all soft tokens are hidden, where others stand for the whole.
        merge: Chance of a soft token to become one with the next, their mean.
        split: Chance of a soft token to stand there twice.
        sentence_noise: Largest noise on what the sentence tokens are made from, see `SentenceTokens.forward`.
            Tokens with a map of their own have this noise alone.
    """

    noise: float = 0.0
    noise_max: float = 0.0
    dropout: float = 0.0
    hiding: float = 0.0
    merge: float = 0.0
    split: float = 0.0
    sentence_noise: float = 0.0

    @classmethod
    def of(cls, config: TrainConfig) -> Self:
        """Return what a recipe does in one update, which may draw the update's own dropout."""
        dropout, largest = config.soft_token_dropout, config.soft_token_dropout_max
        if largest:
            dropout += (largest - dropout) * torch.rand(()).item()
        return cls(
            noise=config.soft_token_noise,
            noise_max=config.soft_token_noise_max,
            dropout=dropout,
            hiding=config.soft_token_hiding,
            merge=config.soft_token_merge,
            split=config.soft_token_split,
            sentence_noise=config.sentence_noise,
        )


def disturb(soft: SoftTokens, how: Disturbance) -> tuple[Tensor, Tensor]:
    """Return embeddings and mask as a training step shows them to the LLM.

    What is hidden is left out, which changes nothing but the time: the LLM's passes are what a step costs.

    Args:
        soft: The soft tokens of B texts.
        how: What is done, in this order: merge, split, noise, dropout, hiding.

    Returns:
        (B, S', E) and (B, S').
    """
    embeddings, mask, summaries = soft.embeddings, soft.mask, soft.summaries
    if how.merge:
        embeddings, mask = _merge(embeddings, mask, _drawn(mask, how.merge, summaries))
    if how.split:
        twice = _drawn(mask, how.split, summaries) & mask
        embeddings = embeddings.repeat_interleave(2, dim=1)
        mask = torch.stack([mask, twice], dim=2).flatten(1)
        summaries *= 2
    if how.noise or how.noise_max:
        scale = embeddings.detach().pow(2).mean(dim=-1, keepdim=True).sqrt()
        if how.noise_max:
            drawn = torch.rand(len(mask), 1, 1, device=mask.device)
            scale = scale * (how.noise + (how.noise_max - how.noise) * drawn)
        else:
            scale = scale * how.noise
        noise = scale * torch.randn_like(embeddings)
        if how.sentence_noise:
            noise[:, :summaries] = 0.0
        embeddings = embeddings + noise
    if how.dropout:
        mask = mask & ~_drawn(mask, how.dropout, summaries)
    if how.hiding and summaries:
        hidden = torch.rand(len(mask), 1, device=mask.device) < how.hiding
        mask = mask & ~(hidden & (torch.arange(mask.shape[1], device=mask.device) >= summaries))
    if mask is soft.mask:
        return embeddings, mask
    return pack(embeddings, mask)


def _drawn(mask: Tensor, chance: float, summaries: int) -> Tensor:
    """Return which positions are drawn, each with the same chance; the first `summaries` never are."""
    drawn = torch.rand(mask.shape, device=mask.device) < chance
    drawn[:, :summaries] = False
    return drawn


def _merge(embeddings: Tensor, mask: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Make each drawn position the mean of itself and the next, which is hidden; none is used twice."""
    next_real = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)
    first = drawn & mask & next_real
    first[:, 1:] &= ~first[:, :-1]
    second = torch.cat([torch.zeros_like(first[:, :1]), first[:, :-1]], dim=1)
    following = torch.cat([embeddings[:, 1:], embeddings[:, -1:]], dim=1)
    return torch.where(first[..., None], (embeddings + following) / 2, embeddings), mask & ~second


def pack(embeddings: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Leave out the positions that no row needs; what is kept stays in order.

    Example: the mask rows (1, 0, 1) and (0, 0, 1) -> (1, 1) and (1, 0), with the embeddings to match.
    """
    kept = int(mask.sum(dim=1).max())
    order = mask.int().argsort(dim=1, descending=True, stable=True)[:, :kept]
    return embeddings.gather(1, order[..., None].expand(-1, -1, embeddings.shape[-1])), mask.gather(1, order)
