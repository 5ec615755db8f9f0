"""Whether an LLM can be read as the bridge reads it, tried against its own forward pass on token ids."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from fusion_demo.decoding import Decoding
from fusion_demo.errors import ModelError
from fusion_demo.probing import PositionTables, close, reason_of

TOLERANCE = 1e-4
"""Of logits that are computed in two ways, see `close`."""

BEFORE, TEXT, BRANCH = 4, 5, 3
"""Tokens of the probe: in front, of a text, and of each of its two continuations."""


class LLMProbe:
    """Token ids, and what the LLM as it came says of them.

    Args:
        model: The LLM, as transformers built it.
        tokenizer: Its tokenizer, for ordinary tokens.

    Raises:
        ModelError: the LLM does not read token ids alone.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model = model
        table = model.get_input_embeddings().weight
        ids = _ordinary(tokenizer, len(table), BEFORE + 2 * TEXT + 2 * BRANCH)
        ids = torch.tensor(ids, device=model.device)
        self._before, self._texts, self._branches = ids.split([BEFORE, 2 * TEXT, 2 * BRANCH])
        self._texts, self._branches = self._texts.view(2, TEXT), self._branches.view(2, BRANCH)
        # Of the second text two places are padding: before it, and within it.
        self._mask = torch.ones(2, TEXT, dtype=torch.bool, device=model.device)
        self._mask[1, [0, 2]] = False
        tables = PositionTables()
        try:
            with tables:
                self._own = [logits for row in range(2) for logits in self._says(row)]
        except Exception as error:  # of any kind: it is another's code
            raise _refused(model, f"it does not read token ids alone ({reason_of(error)})") from error
        if not all(logits.isfinite().all() for logits in self._own):
            raise _refused(model, "its logits are not finite in this number format (--dtype)")
        if not close(self._own[0][0], self._own[1][0], TOLERANCE):
            raise _refused(model, "it is no causal LM: what follows a token changes what it says there")
        self._rooms = tables.rooms

    def window(self, *, sliding: bool) -> int | None:
        """Return the most tokens that the LLM reads and writes together; None: any number.

        These are what its table of positions has room for, what it was trained with, and its narrowest
        attention.

        Args:
            sliding: Whether a mask of ours takes the place of its sliding windows.
        """
        config = self._model.config.get_text_config()
        bounds = [*self._rooms, getattr(config, "max_position_embeddings", None)]
        if sliding:
            layers = DynamicCache(config=config).layers
            bounds += [layer.sliding_window for layer in layers if getattr(layer, "is_sliding", False)]
            if "local" in getattr(config, "attention_layers", ()):  # GPT-Neo's own way to say it
                bounds.append(config.window_size)
        return min((bound for bound in bounds if bound and bound > 0), default=None)

    def check_embeddings(self, embed: Any) -> None:
        """Refuse an LLM that needs more than embeddings of what it reads.

        Raises:
            ModelError: it cannot be bridged in any way.
        """
        tokens = embed(self._sequence(0, 0)[None])
        try:
            # Some look up whose embedding it is; between two tokens, where soft tokens are, it is none's.
            between = ((tokens + tokens.roll(1, dims=1)) / 2).to(tokens.dtype)
            read = self._model(inputs_embeds=torch.cat([tokens, between]), use_cache=False).logits
        except Exception as error:  # of any kind: it is another's code
            raise _refused(
                self._model, f"it does not read embeddings in the place of token ids ({reason_of(error)})"
            ) from error
        if not close(read[0, -1 - BRANCH :], self._own[0], TOLERANCE) or not read.isfinite().all():
            raise _refused(
                self._model,
                "it reads something else of token ids than their embeddings, and soft tokens have no ids",
            )

    def why_plain_reading(self, llm: Any) -> str:
        """Return what an LLM lacks to read as the bridge asks it best; empty if nothing.

        Args:
            llm: A `FrozenLLM`, which is asked as the bridge asks it.
        """
        return self._missing(
            llm,
            {
                "a mask and positions of ours behind kept tokens": self._check_answers,
                "continuations side by side that a mask keeps apart": self._check_branches,
            },
        )

    def why_wrong_writing(self, llm: Any) -> str:
        """Return what an LLM lacks to write in the way that it is set to; empty if nothing."""
        return self._missing(llm, {"writing on behind kept tokens": self._check_writing})

    def _missing(self, llm: Any, checks: dict[str, Callable[..., bool]]) -> str:
        before = tuple(self._before.tolist())
        embeddings = llm.embed(self._texts)
        for needed, check in checks.items():
            try:
                if not check(llm, before, embeddings):
                    return f"{needed} (it gives other numbers then)"
            except Exception as error:  # noqa: BLE001 - of any kind: it is another's code
                return f"{needed} ({reason_of(error)})"
        return ""

    def _check_answers(self, llm: Any, before: tuple[int, ...], embeddings: Tensor) -> bool:
        answers = self._branches[:1].expand(2, -1)
        logits = llm.read_answers(before, embeddings, self._mask, answers, torch.ones_like(answers).bool())
        return all(close(logits[row], self._own[2 * row][:-1], TOLERANCE) for row in range(2))

    def _check_branches(self, llm: Any, before: tuple[int, ...], embeddings: Tensor) -> bool:
        logits = llm.read_branches(before, embeddings, self._mask, self._branches.tolist())
        for row in range(2):
            for branch, start in enumerate((1, 1 + BRANCH)):
                read = torch.cat([logits[row, :1], logits[row, start : start + BRANCH]])
                if not close(read, self._own[2 * row + branch], TOLERANCE):
                    return False
        return True

    def _check_writing(self, llm: Any, before: tuple[int, ...], embeddings: Tensor) -> bool:
        """Whether each token that is written is the likeliest, or by rounding as likely as that."""
        written = llm.generate(before, embeddings, self._mask, Decoding(max_new_tokens=2, min_new_tokens=2))
        ends = list(llm.end_ids)
        for row, ids in enumerate(written):
            sequence = torch.cat([self._before, self._texts[row][self._mask[row]], ids])
            logits = self._model(input_ids=sequence[None], use_cache=False).logits[0, -3:-1].float()
            spread = logits.std()
            logits[:, ends] = -torch.inf
            short = logits.max(dim=-1).values - logits.gather(1, ids[:, None])[:, 0]
            if not close(spread - short, spread.expand_as(short), 10 * TOLERANCE):
                return False
        return True

    @torch.no_grad()
    def _says(self, row: int) -> Tensor:
        """Return the logits behind a text and each token of its continuations, (2, 1 + BRANCH, V)."""
        sequences = torch.stack([self._sequence(row, branch) for branch in range(2)])
        return self._model(input_ids=sequences, use_cache=False).logits[:, -1 - BRANCH :]

    def _sequence(self, row: int, branch: int) -> Tensor:
        return torch.cat([self._before, self._texts[row][self._mask[row]], self._branches[branch]])


def _ordinary(tokenizer: PreTrainedTokenizerBase, rows: int, number: int) -> Sequence[int]:
    """Return token ids that have no task of their own, from all over the vocabulary."""
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    ordinary = [index for index in range(min(len(tokenizer), rows)) if index not in special]
    step = max(1, len(ordinary) // number)
    return [ordinary[step * (7 * place % number) % len(ordinary)] for place in range(number)]


def _refused(model: PreTrainedModel, reason: str) -> ModelError:
    return ModelError(
        f"The LLM ({model.config.model_type}) cannot be bridged: {reason}. "
        "docs/bridge-your-own-models.md lists the families that can."
    )
