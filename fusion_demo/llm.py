"""The frozen English LLM behind soft tokens."""

import copy
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from fusion_demo.errors import ModelError

CACHED_PREFIXES = 8


class FrozenLLM(nn.Module):
    """A causal LLM whose weights never change, reading embeddings behind a cached prefix.

    The tokens in front of the soft tokens (chat template, instruction) are the same for every
    text, and what stands before the soft tokens does not depend on anything trained. So their
    keys and values are computed once and shared by all rows, in training too.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__()
        if tokenizer.eos_token_id is None:
            raise ModelError("The LLM's tokenizer has no end-of-sequence token. Set one in its folder.")
        self.model = model.requires_grad_(False).eval()
        self.tokenizer = tokenizer
        embeddings = model.get_input_embeddings().weight
        self.width: int = embeddings.shape[1]
        self.embedding_rms: float = embeddings.float().pow(2).mean().sqrt().item()
        self._prefixes: OrderedDict[tuple[int, ...], DynamicCache] = OrderedDict()

    def embed(self, ids: Tensor) -> Tensor:
        """Return the LLM's input embeddings of token ids: (…) -> (…, E)."""
        return self.model.get_input_embeddings()(ids)

    def read(
        self, before: tuple[int, ...], embeddings: Tensor, mask: Tensor, *, logits_to_keep: int
    ) -> Tensor:
        """Read embeddings behind the prefix.

        Args:
            before: Token ids of the prefix, the same for every row.
            embeddings: (B, S, E).
            mask: (B, S), False at positions to be passed over, wherever they stand.
            logits_to_keep: Logits are computed at this many last positions only.

        Returns:
            Logits (B, logits_to_keep, V).
        """
        seen = functional.pad(mask, (len(before), 0), value=True)
        return self._read(before, embeddings, seen.long(), _positions(mask, len(before)), logits_to_keep)

    def read_branches(
        self, before: tuple[int, ...], embeddings: Tensor, mask: Tensor, branches: list[list[int]]
    ) -> Tensor:
        """Read embeddings behind the prefix, and several continuations that do not see one another.

        Args:
            before: Token ids of the prefix, the same for every row.
            embeddings: (B, S, E).
            mask: (B, S), False at positions to be passed over; the last one is True.
            branches: Token ids of each continuation, the same for every row.

        Returns:
            Logits (B, 1 + N, V) at the last embedding and at the N tokens of all branches, in order.
        """
        rows, width, past = len(mask), mask.shape[1], len(before)
        ids = [token for branch in branches for token in branch]
        total = width + len(ids)
        steps = [step for branch in branches for step in range(1, len(branch) + 1)]
        positions = _positions(mask, past)
        positions = torch.cat([positions, positions[:, -1:] + torch.tensor(steps, device=mask.device)], dim=1)
        # (B, 1, S + N, P + S + N): who sees whom; a branch sees the prefix, the text and its own beginning.
        sees = torch.ones(total, total, dtype=torch.bool, device=mask.device).tril()
        start = width
        for branch in branches:
            sees[start : start + len(branch), width:start] = False
            start += len(branch)
        real = functional.pad(mask, (0, len(ids)), value=True)
        # A padded position sees itself: an empty row of attention would turn into NaN.
        sees = sees & (real[:, None, :] | torch.eye(total, dtype=torch.bool, device=mask.device))
        sees = functional.pad(sees, (past, 0), value=True)[:, None]
        blocked = torch.finfo(self.model.dtype).min
        attention = torch.zeros(sees.shape, dtype=self.model.dtype, device=mask.device)
        attention.masked_fill_(~sees, blocked)
        tokens = self.embed(torch.tensor(ids, dtype=torch.long, device=mask.device))
        embeddings = torch.cat([embeddings, tokens.to(embeddings.dtype).expand(rows, -1, -1)], dim=1)
        return self._read(before, embeddings, attention, positions, 1 + len(ids))

    def _read(
        self,
        before: tuple[int, ...],
        embeddings: Tensor,
        attention_mask: Tensor,
        positions: Tensor,
        logits_to_keep: int,
    ) -> Tensor:
        return self.model(
            inputs_embeds=embeddings.to(self.model.dtype),
            attention_mask=attention_mask,
            position_ids=positions,
            past_key_values=self._prefix_cache(before, len(embeddings)),
            use_cache=True,
            logits_to_keep=logits_to_keep,
        ).logits

    # Not in inference mode, even if called from it: a later training may differentiate through the result.
    @torch.inference_mode(False)
    @torch.no_grad()
    def _prefix_cache(self, before: tuple[int, ...], rows: int) -> DynamicCache:
        if not before:
            return DynamicCache(config=self.model.config)
        if before not in self._prefixes:
            ids = torch.tensor([before], device=self.model.device)
            self._prefixes[before] = self.model(input_ids=ids, use_cache=True).past_key_values
            if len(self._prefixes) > CACHED_PREFIXES:
                self._prefixes.popitem(last=False)
        cache = copy.deepcopy(self._prefixes[before])
        cache.batch_repeat_interleave(rows)
        return cache

    def _apply(self, *args, **kwargs) -> "FrozenLLM":
        # The model moves to another device or dtype: what was cached there is of no use here.
        self._prefixes.clear()
        return super()._apply(*args, **kwargs)


def _positions(mask: Tensor, past: int) -> Tensor:
    """Positions behind `past` tokens: masked places take none, so padding changes nothing."""
    return past + (mask.long().cumsum(dim=1) - 1).clamp(min=0)
