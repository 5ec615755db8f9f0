"""How the LLM writes an answer: greedy or sampled, how long, and when it stops."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import (
    DynamicCache,
    LogitsProcessor,
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    RepetitionPenaltyLogitsProcessor,
    StoppingCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)
from transformers.generation.streamers import BaseStreamer

from fusion_demo.errors import InputError

MAX_NEW_TOKENS = 512
MAX_TEMPERATURE = 5.0
MAX_REPETITION_PENALTY = 5.0
MAX_NGRAM = 20
MAX_SEED = 2**32 - 1

ROUND_TOKENS = 16
"""After so many tokens the rows that have ended leave a batch. Fewer would save little more."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How an answer is written.

    Attributes:
        max_new_tokens: Longest answer, in the LLM's tokens.
        min_new_tokens: Shortest answer: the end token cannot be chosen before.
        temperature: 0 is greedy; above 0, tokens are sampled from logits divided by it.
        top_p: Sampling is from the smallest set of tokens with this probability together.
        repetition_penalty: Above 1, tokens of the answer become less likely to come again.
        no_repeat_ngram: No n tokens of the answer come a second time in the same order; 0: off.
        seed: Of the sampling; the same seed gives the same answer and leaves torch's global generator
            as it was. None: drawn from that generator.

    Raises:
        InputError: a value is out of its range.
    """

    max_new_tokens: int = 64
    min_new_tokens: int = 0
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        _check("max_new_tokens", self.max_new_tokens, 1, MAX_NEW_TOKENS)
        _check("min_new_tokens", self.min_new_tokens, 0, self.max_new_tokens)
        _check("The temperature", self.temperature, 0, MAX_TEMPERATURE)
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p must be above 0 and at most 1, not {self.top_p}.")
        if not 0 < self.repetition_penalty <= MAX_REPETITION_PENALTY:
            raise InputError(
                f"The repetition penalty must be above 0 and at most {MAX_REPETITION_PENALTY:g}, "
                f"not {self.repetition_penalty}."
            )
        _check("no_repeat_ngram", self.no_repeat_ngram, 0, MAX_NGRAM)
        if self.seed is not None:
            _check("The seed", self.seed, 0, MAX_SEED)

    def generate_options(
        self, tokenizer: PreTrainedTokenizerBase, ends: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Return the same as options of transformers' `generate`, the model's own defaults overridden.

        Repetition control and sampling are logits processors: they see the tokens written so far, and
        behind embeddings these are the answer's alone.

        Args:
            tokenizer: The LLM's tokenizer.
            ends: Token ids that end an answer; none: the tokenizer's end token.
        """
        ends = list(ends) or [tokenizer.eos_token_id]
        return {
            "max_new_tokens": self.max_new_tokens,
            "do_sample": False,
            "temperature": None,
            "top_p": None,
            "top_k": None,
            "repetition_penalty": 1.0,
            "no_repeat_ngram_size": 0,
            "logits_processor": self.logits_processors(ends),
            "eos_token_id": ends,
            "pad_token_id": tokenizer.eos_token_id
            if tokenizer.pad_token_id is None
            else tokenizer.pad_token_id,
        }

    def logits_processors(self, ends: Sequence[int]) -> LogitsProcessorList:
        """Return what changes the logits before the largest of them is taken, new for each answer.

        Args:
            ends: Token ids that end an answer.
        """
        processors: list[LogitsProcessor] = []
        if self.min_new_tokens:
            processors.append(MinLengthLogitsProcessor(self.min_new_tokens, list(ends)))
        if self.repetition_penalty != 1:
            processors.append(RepetitionPenaltyLogitsProcessor(float(self.repetition_penalty)))
        if self.no_repeat_ngram:
            processors.append(NoRepeatNGramLogitsProcessor(self.no_repeat_ngram))
        if self.temperature > 0:
            if self.temperature != 1:
                processors.append(TemperatureLogitsWarper(float(self.temperature)))
            if self.top_p < 1:
                processors.append(TopPLogitsWarper(float(self.top_p)))
            processors.append(GumbelNoise(self.seed))
        return LogitsProcessorList(processors)


class GumbelNoise(LogitsProcessor):
    """Makes of greedy decoding a sampling with a generator of its own.

    The largest of logits with independent Gumbel noise is a draw from their softmax (Gumbel-max trick;
    Maddison et al., 2014). `generate` itself can only sample with torch's global generator, which all
    threads share.
    """

    def __init__(self, seed: int | None) -> None:
        self.seed = int(torch.randint(MAX_SEED, ())) if seed is None else seed
        self._generator: torch.Generator | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the logits (B, V) with noise: minus the logarithm of draws from Exp(1)."""
        if self._generator is None:
            self._generator = torch.Generator(scores.device).manual_seed(self.seed)
        scores = scores.float()
        draws = torch.empty_like(scores).exponential_(generator=self._generator)
        return scores - draws.clamp(min=torch.finfo(draws.dtype).tiny).log()


class StopWhen(StoppingCriteria):
    """Ends a generation after the token during which a condition came to hold."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self.condition = condition

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        """Return (B,): whether each row is done."""
        return torch.full((len(input_ids),), self.condition(), device=input_ids.device)


@torch.no_grad()
def write_row(
    read: Callable[[Tensor], Tensor],
    embeddings: Tensor,
    embed: Callable[[Tensor], Tensor],
    options: dict[str, Any],
    *,
    streamer: BaseStreamer | None = None,
    stop: Callable[[], bool] | None = None,
) -> Tensor:
    """Write on behind one row with whatever reads it, as `generate` does with a model of its own.

    Args:
        read: Reads on, embeddings (1, S, E), and returns the logits behind the last, (1, V).
        embeddings: (1, S, E), what is read before the first token.
        embed: Token ids (1, 1) → embeddings (1, 1, E).
        options: As `Decoding.generate_options` returns them.
        streamer: Gets each token.
        stop: Ends the answer after the token during which it came to return True.

    Returns:
        (1, N) token ids of the answer.
    """
    processors, ends = options["logits_processor"], options["eos_token_id"]
    written = torch.empty(1, 0, dtype=torch.long, device=embeddings.device)
    while True:
        token = processors(written, read(embeddings)).argmax(dim=-1, keepdim=True)
        written = torch.cat([written, token], dim=1)
        if streamer:
            streamer.put(token)
        if token.item() in ends or written.shape[1] == options["max_new_tokens"] or (stop and stop()):
            return written
        embeddings = embed(token)


@torch.no_grad()
def write_batch(
    model: PreTrainedModel,
    embeddings: Tensor,
    mask: Tensor,
    cache: DynamicCache,
    options: dict[str, Any],
    *,
    stop: Callable[[], bool] | None = None,
) -> Tensor:
    """Write on behind every row of a batch; rows that have ended leave it, so that they cost nothing more.

    `generate` computes all rows until the longest answer ends, and one that goes round in circles ends last.

    Args:
        model: The LLM.
        embeddings: (B, S, E), all that is read, padded on the left or in between.
        mask: (B, S), False at the padding.
        cache: Keys and values of the first positions; used up.
        options: As `Decoding.generate_options` returns them.
        stop: Ends all answers after the token during which it came to return True.

    Returns:
        (B, N) token ids of the answers; what follows an end token is padding.
    """
    options = dict(options)
    limit = options.pop("max_new_tokens")
    ends = torch.tensor(options["eos_token_id"], device=mask.device)
    processors = options.pop("logits_processor")
    rows = torch.arange(len(mask), device=mask.device)
    written = torch.full((len(mask), limit), options["pad_token_id"], device=mask.device)
    length, embed = 0, model.get_input_embeddings()
    while length < limit and len(rows) and not (length and stop and stop()):
        earlier = written[rows, :length]
        new = model.generate(
            inputs_embeds=torch.cat([embeddings[rows], embed(earlier).to(embeddings.dtype)], dim=1),
            attention_mask=torch.cat([mask[rows], torch.ones_like(earlier, dtype=torch.bool)], dim=1).long(),
            past_key_values=cache,
            max_new_tokens=min(ROUND_TOKENS, limit - length),
            logits_processor=LogitsProcessorList([Behind(earlier, processors)]),
            stopping_criteria=StoppingCriteriaList([StopWhen(stop)] if stop else []),
            **options,
        )
        written[rows, length : length + new.shape[1]] = new
        length += new.shape[1]
        going = ~torch.isin(new, ends).any(dim=1)
        cache.batch_select_indices(going.nonzero().flatten())
        rows = rows[going]
    return written[:, :length]


class Behind(LogitsProcessor):
    """Lets logits processors see what was written before this call of `generate`."""

    def __init__(self, earlier: Tensor, processors: LogitsProcessorList) -> None:
        self.earlier = earlier
        self.processors = processors

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the logits (B, V) as the processors change them behind earlier (B, N) and new ids (B, M)."""
        return self.processors(torch.cat([self.earlier, input_ids], dim=1), scores)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high or math.isnan(value):
        raise InputError(f"{name} must be at least {low:g} and at most {high:.10g}, not {value}.")
