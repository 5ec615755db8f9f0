"""Keys and values of what the LLM has read before a text, the same for many texts."""

import copy
from collections import OrderedDict

import torch
from transformers import DynamicCache, PreTrainedModel

KEPT = 8
"""Prefixes whose keys and values are kept: those used last."""


class Prefixes:
    """Reads each prefix once.

    Args:
        model: The LLM.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._read: OrderedDict[tuple[int, ...], DynamicCache] = OrderedDict()

    # Not in inference mode, even if called from it: a later training may differentiate through the result.
    @torch.inference_mode(False)
    def cache(self, prefix: tuple[int, ...], rows: int) -> DynamicCache:
        """Return the keys and values of a prefix's token ids for so many rows, to be used up."""
        if not prefix:
            return DynamicCache(config=self._model.config)
        cache = copy.deepcopy(self.kept(prefix))
        cache.batch_repeat_interleave(rows)
        return cache

    @torch.inference_mode(False)
    @torch.no_grad()
    def kept(self, prefix: tuple[int, ...]) -> DynamicCache:
        """Return the keys and values that are kept of a prefix that is not empty: nobody may change them."""
        if prefix not in self._read:
            ids = torch.tensor([prefix], device=self._model.device)
            self._read[prefix] = self._model(input_ids=ids, use_cache=True).past_key_values
            if len(self._read) > KEPT:
                self._read.popitem(last=False)
        self._read.move_to_end(prefix)
        return self._read[prefix]

    def longest_beginning(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        """Return the longest kept prefix that token ids begin with; an empty one if there is none."""
        known = [prefix for prefix in self._read if tokens[: len(prefix)] == prefix]
        return max(known, key=len, default=())

    def clear(self) -> None:
        """Forget all: the model has moved to another device or number format."""
        self._read.clear()
