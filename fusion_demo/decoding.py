"""How the LLM writes an answer: greedy or sampled, how long, and when it stops."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, StoppingCriteria

from fusion_demo.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How an answer is written.

    Attributes:
        max_new_tokens: Longest answer, in the LLM's tokens.
        temperature: 0 is greedy; above 0, tokens are sampled from logits divided by it.
        top_p: Sampling is from the smallest set of tokens with this probability together.
        repetition_penalty: Above 1, tokens of the answer become less likely to come again.

    Raises:
        InputError: a value is out of its range.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}.")
        if self.temperature < 0:
            raise InputError(f"The temperature must be at least 0, not {self.temperature}.")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p must be above 0 and at most 1, not {self.top_p}.")
        if self.repetition_penalty <= 0:
            raise InputError(f"The repetition penalty must be above 0, not {self.repetition_penalty}.")

    def generate_options(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
        """Return the same as options of transformers' `generate`, the model's own defaults overridden."""
        sampled = self.temperature > 0
        end = tokenizer.eos_token_id
        return {
            "max_new_tokens": self.max_new_tokens,
            "do_sample": sampled,
            "temperature": self.temperature if sampled else None,
            "top_p": self.top_p if sampled else None,
            "top_k": 0 if sampled else None,
            "repetition_penalty": self.repetition_penalty,
            "eos_token_id": end,
            "pad_token_id": end if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        }


class StopWhen(StoppingCriteria):
    """Ends a generation after the token during which a condition came to hold."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self.condition = condition

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        """Return (B,): whether each row is done."""
        return torch.full((len(input_ids),), self.condition(), device=input_ids.device)
