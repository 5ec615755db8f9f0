"""LLMs that take no mask of ours, no positions and no cache: each row is read alone, from its beginning.

Slower than what `FrozenLLM` does else, and right for every LLM that reads embeddings: it is the LLM's own
forward pass.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.generation.streamers import BaseStreamer

from fusion_demo.decoding import write_row


class PlainReader:
    """Reads and writes as `FrozenLLM` does, whose arguments these are, and returns the same.

    Attributes:
        keeps: Whether a row that is written hands the cache that the LLM gives back to it; otherwise all of
            it is read anew for each token.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self.keeps = True

    def read(
        self, before: tuple[int, ...], embeddings: Tensor, mask: Tensor, logits_to_keep: int | Tensor
    ) -> Tensor:
        """Return logits (B, N, V), see `FrozenLLM.read`."""
        places, number = logits_to_keep, embeddings.shape[1]
        if isinstance(places, int):
            places = torch.arange(number - places, number, device=mask.device)
        start = self._embed(before, embeddings).expand(len(mask), -1, -1)
        return _read_rows(
            self._model,
            torch.cat([start, embeddings], dim=1),
            functional.pad(mask, (len(before), 0), value=True),
            len(before) + places,
        )

    def read_branches(
        self, before: tuple[int, ...], embeddings: Tensor, mask: Tensor, branches: list[list[int]]
    ) -> Tensor:
        """Return logits (B, 1 + N, V), see `FrozenLLM.read_branches`."""
        pieces = []
        for branch in branches:
            tokens = self._embed(tuple(branch), embeddings).expand(len(mask), -1, -1)
            seen = functional.pad(mask, (0, len(branch)), value=True)
            pieces.append(self.read(before, torch.cat([embeddings, tokens], dim=1), seen, 1 + len(branch)))
        return torch.cat([pieces[0][:, :1], *(piece[:, 1:] for piece in pieces)], dim=1)

    def write(
        self,
        before: tuple[int, ...],
        embeddings: Tensor,
        mask: Tensor,
        options: dict[str, Any],
        *,
        streamer: BaseStreamer | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Tensor:
        """Return the token ids of answers (B, N), see `FrozenLLM.generate` and `write_row`."""
        start, embed = self._embed(before, embeddings), self._model.get_input_embeddings()
        answers = [
            write_row(
                _row_reader(self._model, keeps=self.keeps),
                torch.cat([start, row[real][None]], dim=1),
                embed,
                options,
                streamer=streamer,
                stop=stop,
            )[0]
            for row, real in zip(embeddings, mask, strict=True)
        ]
        padding = float(options["pad_token_id"])
        return nn.utils.rnn.pad_sequence(answers, batch_first=True, padding_value=padding)

    def _embed(self, ids: tuple[int, ...], like: Tensor) -> Tensor:
        """Return the embeddings of token ids, (1, N, E)."""
        row = torch.tensor([ids], dtype=torch.long, device=like.device)
        return self._model.get_input_embeddings()(row).to(like.dtype)


def _read_rows(model: PreTrainedModel, embeddings: Tensor, mask: Tensor, places: Tensor) -> Tensor:
    """Read rows without their padding; those of one length together.

    Args:
        model: The LLM.
        embeddings: (B, S, E), all that is read, from its first token.
        mask: (B, S), False at positions to be passed over.
        places: (N,), the positions whose logits are asked for; of those that are passed over, they
            hold no meaning.

    Returns:
        Logits (B, N, V).
    """
    kept_only = "logits_to_keep" in inspect.signature(model.forward).parameters
    lengths = mask.sum(dim=1)
    order, pieces = [], []
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero().flatten()
        read = embeddings[rows][mask[rows]].unflatten(0, (len(rows), length))
        # Where each place is once the padding is gone, counted from the end.
        back = length - (mask[rows].cumsum(dim=1)[:, places] - 1).clamp(min=0)
        options = {"logits_to_keep": int(back.max())} if kept_only else {}
        logits = model(inputs_embeds=read.to(model.dtype), use_cache=False, **options).logits
        index = (logits.shape[1] - back)[..., None].expand(-1, -1, logits.shape[-1])
        pieces.append(logits.gather(1, index))
        order.append(rows)
    return torch.cat(pieces)[torch.cat(order).argsort()]


def _row_reader(model: PreTrainedModel, *, keeps: bool) -> Callable[[Tensor], Tensor]:
    """Return what reads on in one row, for `write_row`: embeddings (1, S, E) → the last logits, (1, V).

    Args:
        model: The LLM.
        keeps: Hand the cache that the LLM gives back to it; otherwise all is read anew for each token.
    """
    seen: list[Tensor] = []
    cache = None

    def read(embeddings: Tensor) -> Tensor:
        nonlocal cache
        embeddings = embeddings.to(model.dtype)
        if keeps:
            output = model(inputs_embeds=embeddings, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            return output.logits[:, -1]
        seen.append(embeddings)
        return model(inputs_embeds=torch.cat(seen, dim=1), use_cache=False).logits[:, -1]

    return read
