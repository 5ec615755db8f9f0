"""What an encoder is, found by what it does with two short texts."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fusion_demo.errors import ModelError
from fusion_demo.probing import PositionTables, close, reason_of

PROBES = ("The quick brown fox jumps over the lazy dog.", "A cat.")
PROBE_TOKENS = (16, 8)
"""Tokens that are read of each: few, since even a test's model has positions for so many."""

TOLERANCE = 1e-3
"""Of states that are computed in two ways, see `close`."""

NO_BOUND = 1_000_000


@dataclass(frozen=True)
class EncoderFacts:
    """What a probe found.

    Attributes:
        num_layers: L, the blocks.
        width: D, width of their outputs.
        final_norm: The norm that a pre-norm encoder applies after its last block only; None: every block
            normalises its own output.
        positions: Tokens of the longest text.
    """

    num_layers: int
    width: int
    final_norm: nn.Module | None
    positions: int


@torch.no_grad()
def probe_encoder(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> EncoderFacts:
    """Return what is not to be read off a model's name.

    Raises:
        ModelError: the outputs of its layers are not to be had, are not on one scale and have no norm that
            would bring them onto one, or change with the texts that stand beside a text.
    """
    if not isinstance(model, PreTrainedModel):
        raise _refused(model, "its encoder is no model of its own")
    long, short = (
        tokenizer(text, truncation=True, max_length=kept)["input_ids"]
        for text, kept in zip(PROBES, PROBE_TOKENS, strict=True)
    )
    norms, tables = _Norms(model), PositionTables()
    with norms, tables:
        states = _states(model, torch.tensor([long]))
    final_norm = _final_norm(model, states, norms)
    batch = tokenizer.pad({"input_ids": [long, short]}, padding_side="right", return_tensors="pt")
    together = _states(model, batch["input_ids"], batch["attention_mask"])
    alone = _states(model, torch.tensor([short]))
    for ours, theirs in zip(together[1:], alone[1:], strict=True):
        if not close(ours[1:, : len(short)], theirs, TOLERANCE):
            raise _refused(
                model,
                "what it says of a text changes with the texts beside it: its layers mix in the padding",
            )
    return EncoderFacts(
        num_layers=len(states) - 1,
        width=states[-1].shape[-1],
        final_norm=final_norm,
        positions=_positions(model, tables),
    )


def _states(model: PreTrainedModel, ids: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
    """Return the output of the embeddings, those of the inner blocks, and the last hidden state."""
    mask = torch.ones_like(ids) if mask is None else mask
    try:
        output = model(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), output_hidden_states=True
        )
    except Exception as error:  # of any kind: it is another's code, on input that it may not be made for
        raise _refused(model, f"token ids alone do not do for it: {reason_of(error)}") from error
    last = getattr(output, "last_hidden_state", None)
    states = getattr(output, "hidden_states", None)
    if last is None or not states or len(states) < 2:
        raise _refused(model, "it does not return the outputs of its layers")
    if any(state.shape != (*ids.shape, last.shape[-1]) for state in (*states, last)):
        raise _refused(model, "the outputs of its layers are not one state of the same width for each token")
    states = (*states[:-1], last)
    if not all(state.isfinite().all() for state in states):
        raise _refused(model, "the outputs of its layers are not finite in this number format (--dtype)")
    return states


def _final_norm(model: PreTrainedModel, states: tuple[Tensor, ...], norms: "_Norms") -> nn.Module | None:
    last, inner = norms.made(states[-1]), [norms.made(state) for state in states[1:-1]]
    if last is not None:
        # Blocks that normalise leave the output of a norm, all of them. Else the last norm is a final one.
        return None if all(norm is not None for norm in inner) else last
    raise _refused(
        model, "its layers' outputs are on scales of their own, and no final norm brings them onto one"
    )


def _positions(model: PreTrainedModel, tables: PositionTables) -> int:
    trained = getattr(model.config, "max_position_embeddings", None)
    bounds = [trained] if isinstance(trained, int) and trained > 0 else []
    return min([*bounds, *tables.rooms], default=NO_BOUND)


class _Norms:
    """While it is open, keeps what a model's norms take and give."""

    def __init__(self, model: nn.Module) -> None:
        self._leaves = [module for module in model.modules() if not any(module.children())]
        self._calls: list[tuple[nn.Module, Tensor, Tensor]] = []

    def __enter__(self) -> None:
        self._hooks = [module.register_forward_hook(self._keep) for module in self._leaves]

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _keep(self, module: nn.Module, taken: tuple, given: Any) -> None:
        if len(taken) == 1 and isinstance(taken[0], Tensor) and isinstance(given, Tensor):
            self._calls.append((module, taken[0], given))

    def made(self, state: Tensor) -> nn.Module | None:
        """Return the norm whose output a state is, if it is one's. A norm takes no notice of the scale."""
        for module, taken, given in reversed(self._calls):
            given = given[:, : state.shape[1]] if given.dim() == 3 else given  # Longformer pads
            same = given.shape == state.shape and torch.allclose(given, state, rtol=1e-4, atol=1e-6)
            if (
                same
                and taken.is_floating_point()
                # Both far above the small number that keeps a norm from dividing by zero.
                and close(module(64 * taken), module(16 * taken), TOLERANCE)
            ):
                return module
        return None


def _refused(model: PreTrainedModel, reason: str) -> ModelError:
    name = model.config.model_type if isinstance(model, PreTrainedModel) else type(model).__name__
    return ModelError(
        f"The encoder ({name}) cannot be bridged: {reason}. "
        "docs/bridge-your-own-models.md lists the families that can."
    )
