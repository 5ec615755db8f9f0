"""The frozen English LLM behind soft tokens."""

import logging
import re
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteriaList,
)

from fusion_demo.branches import branch_attention, branch_positions, positions_behind
from fusion_demo.compiled import CompiledLLM
from fusion_demo.decoding import Decoding, StopWhen, write_batch, write_row
from fusion_demo.errors import InputError, ModelError
from fusion_demo.frozen_layers import lean_layers
from fusion_demo.grouped_attention import share_keys
from fusion_demo.llm_probe import LLMProbe
from fusion_demo.plain_reading import PlainReader
from fusion_demo.prefixes import Prefixes
from fusion_demo.prompt import end_ids
from fusion_demo.streaming import TokenStreamer, Written

LOG = logging.getLogger(__name__)


class FrozenLLM(nn.Module):
    """A causal LLM whose weights never change, reading embeddings behind a cached prefix.

    The tokens in front of the soft tokens (chat template, instruction) are the same for every
    text, and what stands before the soft tokens does not depend on anything trained. So their
    keys and values are computed once and shared by all rows, in training too.

    That, and all else that is asked of an LLM, is tried once, against its own forward pass on token ids. One
    that cannot do it, but reads embeddings, is read the plain way: each row alone, without a kept prefix.

    Attributes:
        plain: What the LLM lacks, so that it is read the plain way; empty where it is not.
        plain_writing: What it lacks, so that it writes the plain way.
        width: E, width of the input embeddings.
        embedding_rms: Root mean square of the input embeddings, as the LLM reads them.
        window: Most positions that the LLM reads and writes together; None: any number. Where layers
            attend to a sliding window, it is that window's: behind a prefix, with padding in between, a
            longer sequence would be seen otherwise in a batch than alone.

    Args:
        model: The LLM.
        tokenizer: Its tokenizer.
        compile_graph: Makes what writes single rows on a CPU in torch's place; called with the first of them.

    Raises:
        ModelError: the LLM does not read embeddings, or its tokenizer has no end token.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        compile_graph: Callable[[], CompiledLLM] | None = None,
    ) -> None:
        super().__init__()
        if tokenizer.eos_token_id is None:
            raise ModelError("The LLM's tokenizer has no end-of-sequence token. Set one in its folder.")
        self.model = model.requires_grad_(False).eval()
        probe = LLMProbe(model, tokenizer)
        share_keys(model)
        lean_layers(model)
        self.tokenizer = tokenizer
        rows = torch.arange(model.get_input_embeddings().num_embeddings, device=model.device)
        with torch.no_grad():
            embeddings = self.embed(rows)  # not the weights themselves: Gemma's layer scales what it looks up
        self.width: int = embeddings.shape[1]
        self.embedding_rms: float = embeddings.float().pow(2).mean().sqrt().item()
        self._prefixes = Prefixes(model)
        self._inside_controls = _inside_controls(tokenizer)
        self._compile_graph = compile_graph
        self._choose_ways(probe)

    @property
    def end_ids(self) -> tuple[int, ...]:
        """Token ids that end an answer, see `fusion_demo.prompt.end_ids`."""
        rows = self.model.get_input_embeddings().num_embeddings
        return end_ids(self.tokenizer, self.model.generation_config, rows)

    @torch.no_grad()
    def _choose_ways(self, probe: LLMProbe) -> None:
        self.plain, self.plain_writing, self.window = "", "", None
        self._rows = PlainReader(self.model)
        probe.check_embeddings(self.embed)
        self.plain = self.plain_writing = probe.why_plain_reading(self)
        self.plain_writing = self.plain or probe.why_wrong_writing(self)
        if self.plain_writing and probe.why_wrong_writing(self):
            self._rows.keeps = False
        self._prefixes.clear()
        self.window = probe.window(sliding=not self.plain)
        if self.plain_writing:
            LOG.warning(
                "The LLM (%s) %s the plain way, slower but right: each row alone. It lacks %s.",
                self.model.config.model_type,
                "reads and writes" if self.plain else "writes",
                self.plain_writing,
            )

    def embed(self, ids: Tensor) -> Tensor:
        """Return the LLM's input embeddings of token ids: (…) -> (…, E)."""
        return self.model.get_input_embeddings()(ids)

    def read(
        self, before: tuple[int, ...], embeddings: Tensor, mask: Tensor, *, logits_to_keep: int | Tensor
    ) -> Tensor:
        """Read embeddings behind the prefix.

        Args:
            before: Token ids of the prefix, the same for every row.
            embeddings: (B, S, E).
            mask: (B, S), False at positions to be passed over, wherever they stand.
            logits_to_keep: Logits are computed at this many last positions only, or at these N.

        Returns:
            Logits (B, N, V).

        Raises:
            InputError: all that is longer than the LLM's window.
        """
        if self.plain:
            self._check_length(len(before) + embeddings.shape[1])
            return self._rows.read(before, embeddings, mask, logits_to_keep)
        seen = functional.pad(mask, (len(before), 0), value=True)
        positions = positions_behind(mask, len(before))
        return self._read(before, embeddings, seen.long(), positions, logits_to_keep)

    def read_answers(
        self, before: tuple[int, ...], embeddings: Tensor, mask: Tensor, answers: Tensor, real: Tensor
    ) -> Tensor:
        """Return the logits of answers behind what was read, (B, N, V), at no other position.

        Args:
            before: Token ids of the prefix, the same for every row.
            embeddings: (B, S, E).
            mask: (B, S), False at positions to be passed over; the last one is True.
            answers: (B, N) token ids.
            real: (B, N), False behind the end of an answer.
        """
        start, number = embeddings.shape[1], answers.shape[1]
        return self.read(
            before,
            torch.cat([embeddings, self.embed(answers).to(embeddings.dtype)], dim=1),
            torch.cat([mask, real], dim=1),
            # Each position tells the next token, so the last one of all is not asked.
            logits_to_keep=torch.arange(start - 1, start + number - 1, device=mask.device),
        )

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
        if self.plain:
            self._check_length(len(before) + embeddings.shape[1] + max(map(len, branches), default=0))
            return self._rows.read_branches(before, embeddings, mask, branches)
        ids = [token for branch in branches for token in branch]
        lengths = [len(branch) for branch in branches]
        positions = branch_positions(mask, len(before), lengths)
        attention = branch_attention(mask, len(before), lengths, self.model.dtype)
        tokens = self.embed(torch.tensor(ids, dtype=torch.long, device=mask.device))
        embeddings = torch.cat([embeddings, tokens.to(embeddings.dtype).expand(len(mask), -1, -1)], dim=1)
        return self._read(before, embeddings, attention, positions, 1 + len(ids))

    @torch.no_grad()
    def score_answers(
        self, before: tuple[int, ...], embeddings: Tensor, mask: Tensor, answers: list[list[int]]
    ) -> Tensor:
        """Return the log-likelihood of each whole answer behind what was read, in one pass.

        The answers stand side by side behind the text, each at the positions it would have alone, and
        none sees another.

        Args:
            before: Token ids of the prefix, the same for every row.
            embeddings: (B, S, E).
            mask: (B, S), False at positions to be passed over; the last one is True.
            answers: Token ids of K answers, each with its end token, the same for every row.

        Returns:
            (B, K), in nats.
        """
        logits = self.read_branches(before, embeddings, mask, [answer[:-1] for answer in answers])
        likelihoods = torch.log_softmax(logits.float(), dim=-1)
        scores = torch.empty(len(mask), len(answers), device=logits.device)
        start = 1
        for k, answer in enumerate(answers):
            # The text's last position tells the first token; each token of the answer, the next.
            rows = torch.tensor([0, *range(start, start + len(answer) - 1)], device=logits.device)
            scores[:, k] = likelihoods[:, rows, torch.tensor(answer, device=logits.device)].sum(dim=1)
            start += len(answer) - 1
        return scores

    @torch.no_grad()
    def generate(
        self,
        before: tuple[int, ...],
        embeddings: Tensor,
        mask: Tensor,
        decoding: Decoding,
        *,
        on_token: Callable[[Written], None] | None = None,
        stop: Callable[[], bool] | None = None,
        keep_prefix: bool = True,
    ) -> Tensor:
        """Write on behind what was read.

        The prefix is read once and kept for the next texts, unless it is a conversation, which comes but
        once: of that, the beginning is taken from what is kept already.

        Args:
            before: Token ids of the prefix, the same for every row.
            embeddings: (B, S, E).
            mask: (B, S), False at positions to be passed over, wherever they stand.
            decoding: How the answer is written.
            on_token: Gets the answer so far of a single row after each token.
            stop: Ends the answer after the token during which it came to return True.
            keep_prefix: Whether other texts will come behind the same prefix.

        Returns:
            (B, N) token ids of the answers alone; what follows an end token is padding.

        Raises:
            InputError: the longest answer would pass the end of the LLM's window.
        """
        self._check_length(len(before) + mask.shape[1] + decoding.max_new_tokens)
        kept = before if keep_prefix else self._prefixes.longest_beginning(before)
        options = decoding.generate_options(self.tokenizer, self.end_ids)
        streamer = TokenStreamer(self.tokenizer, on_token) if on_token else None
        if self.plain_writing:
            return self._rows.write(before, embeddings, mask, options, streamer=streamer, stop=stop)
        if len(mask) == 1 and self._runs_graph():
            prefix = self._prefixes.kept(kept) if kept else None
            rest = self.embed(torch.tensor([before[len(kept) :]], dtype=torch.long))
            read = torch.cat([rest, embeddings[:, mask[0]]], dim=1)
            return write_row(
                self._compiled.start(prefix).read, read, self.embed, options, streamer=streamer, stop=stop
            )
        start = torch.tensor(before, dtype=torch.long, device=mask.device).expand(len(mask), -1)
        # `generate` continues at the last position, so all padding has to stand on the left: behind the
        # prefix, which every row has, and before the text.
        order = mask.int().argsort(dim=1, stable=True)
        text = embeddings.gather(1, order[..., None].expand_as(embeddings))
        real = torch.cat([torch.ones_like(start, dtype=torch.bool), mask.gather(1, order)], dim=1)
        # All of it: `generate` itself leaves out what the cache holds.
        read = torch.cat([self.embed(start).to(text.dtype), text], dim=1).to(self.model.dtype)
        cache = self._prefixes.cache(kept, len(mask))
        if len(mask) > 1:
            return write_batch(self.model, read, real, cache, options, stop=stop)
        return self.model.generate(
            inputs_embeds=read,
            attention_mask=real.long(),
            past_key_values=cache,
            streamer=streamer,
            stopping_criteria=StoppingCriteriaList([StopWhen(stop)] if stop else []),
            **options,
        )

    def decode(self, ids: Tensor) -> list[str]:
        """Return the answers (B, N) as text, without control tokens and outer white space."""
        ends = self.end_ids
        written = [[token for token in row if token not in ends] for row in ids.tolist()]
        return [text.strip() for text in self.tokenizer.batch_decode(written, skip_special_tokens=True)]

    def text_ids(self, text: str) -> list[int]:
        """Return the token ids of a text that a user typed; no part of it can act as a control token.

        Example: "<|end|>" becomes the pieces "<", "|", "end", "|", ">".
        """
        parts = re.split(self._inside_controls, text) if self._inside_controls else [text]
        return [
            token
            for part in parts
            for token in self.tokenizer.encode(part, add_special_tokens=False, split_special_tokens=True)
        ]

    def _read(
        self,
        before: tuple[int, ...],
        embeddings: Tensor,
        attention_mask: Tensor,
        positions: Tensor,
        logits_to_keep: int | Tensor,
    ) -> Tensor:
        self._check_length(len(before) + embeddings.shape[1])
        return self.model(
            inputs_embeds=embeddings.to(self.model.dtype),
            attention_mask=attention_mask,
            position_ids=positions,
            past_key_values=self._prefixes.cache(before, len(embeddings)),
            use_cache=True,
            logits_to_keep=logits_to_keep,
        ).logits

    def _runs_graph(self) -> bool:
        plain = self.model.device.type == "cpu" and self.model.dtype == torch.float32
        return plain and self._compile_graph is not None

    @cached_property
    def _compiled(self) -> CompiledLLM:
        return self._compile_graph()

    def _check_length(self, positions: int) -> None:
        if self.window and positions > self.window:
            raise InputError(
                f"The LLM reads and writes at most {self.window} tokens at a time; these would be "
                f"{positions}. Give a shorter text, or ask for a shorter answer."
            )

    def _apply(self, *args, **kwargs) -> "FrozenLLM":
        # The model moves to another device or dtype: what was cached there is of no use here.
        self._prefixes.clear()
        return super()._apply(*args, **kwargs)


def _inside_controls(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return where to cut control tokens that are not marked special: behind their first character.

    Tokenisers split special tokens on demand, but not other added tokens of the chat template.
    """
    template = tokenizer.chat_template or ""
    controls = [
        token.content
        for token in tokenizer.added_tokens_decoder.values()
        if not token.special and len(token.content.strip()) > 1 and token.content in str(template)
    ]
    return "|".join(f"(?<={re.escape(name[0])})(?={re.escape(name[1:])})" for name in controls)
