"""The frozen multilingual encoder: texts in, the outputs of all its layers out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

from fusion_demo.detection import detect_language
from fusion_demo.encoder_probe import probe_encoder
from fusion_demo.errors import ConfigError, InputError
from fusion_demo.languages import FLORES_CODES
from fusion_demo.tokens import Text, Token, read_tokens


@dataclass(frozen=True)
class EncodedTexts:
    """What the encoder makes of a batch of texts.

    Attributes:
        layer_states: (B, T, L, D) outputs of the L blocks on one scale; padding holds no meaning.
        embedding_states: (B, T, D) output of the embeddings ("layer 0"), on the same scale.
        mask: (B, T) True at real tokens; padding stands on the right.
        parts: (B, T) 0 at the tokens of a text or of a pair's first text, 1 at those of its second.
        tokens: The real tokens of each text; a pair's second text goes on counting words.
        truncated: Whether a text was longer than the encoder was told to read.
    """

    layer_states: Tensor
    embedding_states: Tensor
    mask: Tensor
    parts: Tensor
    tokens: list[list[Token]]
    truncated: list[bool]

    def states(self, *, embeddings: bool) -> Tensor:
        """Return the layer states, or (B, T, L + 1, D) with the embedding output before them."""
        if not embeddings:
            return self.layer_states
        return torch.cat([self.embedding_states[:, :, None], self.layer_states], dim=2)


class MultilingualEncoder(nn.Module):
    """A frozen encoder that returns the outputs of all its blocks.

    The embedding output ("layer 0") is none of the layers and returned apart (paper, eq. 4).
    BERT-like encoders normalise the output of every block. T5-like, M2M, mBART and ModernBERT ones
    normalise only after the last block and leave the embeddings and the inner outputs as growing
    residual sums; there, the encoder's own final norm is applied to each of these too. So all share
    one scale, the last layer is exactly the encoder's usual output, and nothing new is trained.
    Which kind a model is, and how long a text it reads, is probed: see `probe_encoder`.

    Raises:
        ConfigError: `max_tokens` leaves no room for a text.
        ModelError: the outputs of the model's layers cannot be mixed.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        prefix: str = "",
        max_tokens: int = 256,
        language: str = "",
    ) -> None:
        super().__init__()
        self.model = model.requires_grad_(False).eval()
        self.tokenizer = tokenizer
        self.prefix = prefix
        self.language = language
        self._language_ids = _language_ids(tokenizer)
        if language and language not in self._language_ids:
            raise ConfigError(
                f"'encoder_language' is {language!r}; the encoder has "
                + (
                    f"tokens for {', '.join(self._language_ids)}."
                    if self._language_ids
                    else "none to choose."
                )
            )
        facts = probe_encoder(self.model, tokenizer)
        self.num_layers: int = facts.num_layers
        self.width: int = facts.width
        self.max_tokens = min(max_tokens, facts.positions)
        # A plain attribute: the norm is part of the model, not a second submodule.
        object.__setattr__(self, "final_norm", facts.final_norm)
        self._prefix_positions = self._find_prefix()
        overhead = tokenizer.num_special_tokens_to_add() + len(self._prefix_positions)
        if self.max_tokens <= overhead:
            raise ConfigError(
                f"'max_text_tokens' is {max_tokens}, but {overhead} tokens go to the encoder's special "
                "tokens and its prefix. Give a larger number."
            )

    @torch.no_grad()
    def forward(self, texts: Sequence[Text]) -> EncodedTexts:
        """Encode a batch of texts.

        The tokens of the prefix are read by the encoder and left out of the result. Each text of a pair
        is read alone, as sentence encoders are trained; their states stand one after the other.

        Raises:
            InputError: the batch is empty.
        """
        if not texts:
            raise InputError("There is no text to encode. Give at least one.")
        pairs = [(text,) if isinstance(text, str) else text for text in texts]
        encoded = self._encode([part for pair in pairs for part in pair])
        return encoded if all(len(pair) == 1 for pair in pairs) else _join(encoded, pairs)

    def count_tokens(self, texts: Sequence[Text]) -> list[int]:
        """Return how many tokens of each text the encoder would read, prefix included."""
        pairs = [(text,) if isinstance(text, str) else text for text in texts]
        ids = self.tokenizer(
            [self.prefix + part for pair in pairs for part in pair],
            truncation=True,
            max_length=self.max_tokens,
            split_special_tokens=True,
        )["input_ids"]
        lengths = iter(len(row) for row in ids)
        return [sum(next(lengths) for _ in pair) for pair in pairs]

    def _encode(self, texts: list[str]) -> EncodedTexts:
        batch = self.tokenizer(
            [self.prefix + text for text in texts],
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=self.max_tokens,
            split_special_tokens=True,  # a typed "</s>" is text, not the end of one
            return_tensors="pt",
        )
        self._name_languages(texts, batch["input_ids"])
        kept = [i for i in range(batch["input_ids"].shape[1]) if i not in self._prefix_positions]
        mask = batch["attention_mask"][:, kept].bool().to(self.model.device)
        layers, embeddings = self._states(texts, batch, kept)
        return EncodedTexts(
            layer_states=layers,
            embedding_states=embeddings,
            mask=mask,
            parts=torch.zeros_like(mask, dtype=torch.long),
            tokens=[
                read_tokens(
                    self.prefix + text,
                    batch.encodings[row],
                    self.tokenizer.unk_token_id,
                    skip=len(self.prefix.rstrip()),
                )
                for row, text in enumerate(texts)
            ],
            truncated=[bool(encoding.overflowing) for encoding in batch.encodings],
        )

    def _states(self, texts: list[str], batch: BatchEncoding, kept: list[int]) -> tuple[Tensor, Tensor]:
        """Return the layer states (B, T, L, D) and the embedding states (B, T, D) at the kept positions."""
        device = self.model.device
        output = self.model(
            input_ids=batch["input_ids"].to(device),
            attention_mask=batch["attention_mask"].to(device),
            output_hidden_states=True,
        )
        inner = output.hidden_states[:-1]
        if self.final_norm is not None:
            inner = tuple(self.final_norm(state) for state in inner)
        layers = torch.stack((*inner[1:], output.last_hidden_state), dim=2)
        return layers[:, kept], inner[0][:, kept]

    def _name_languages(self, texts: list[str], ids: Tensor) -> None:
        """Put each text's language into its row of token ids (B, T), where the tokenizer put another.

        NLLB's writes English unless told otherwise. A text whose language cannot be told keeps that.
        """
        for text, row in zip(texts, ids, strict=True) if self._language_ids else ():
            known = self._language_ids.get(self.language or detect_language(text) or "")
            if known is not None:
                row[torch.isin(row, torch.tensor(list(self._language_ids.values())))] = known

    def _find_prefix(self) -> range:
        """Positions of the prefix's tokens: behind the special tokens that open every text."""
        encoding = self.tokenizer(self.prefix + "a").encodings[0]
        end = len(self.prefix.rstrip())
        inside = [
            i
            for i, (_, right) in enumerate(encoding.offsets)
            if right <= end and not encoding.special_tokens_mask[i]
        ]
        return range(inside[0], inside[-1] + 1) if inside and self.prefix else range(0)


def _language_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Return the tokens by which a tokenizer marks a text's language, by code; none where it marks none."""
    if not getattr(tokenizer, "src_lang", None):
        return {}
    tokens = {token.content: index for index, token in tokenizer.added_tokens_decoder.items()}
    found = {}
    for code, flores in FLORES_CODES.items():  # NLLB's, M2M100's and mBART's ways to write it
        names = (
            flores,
            f"__{code}__",
            *(name for name in tokens if re.fullmatch(f"{code}_[A-Z]{{2}}", name)),
        )
        for name in names:
            if name in tokens:
                found[code] = tokens[name]
    return found


def _join(encoded: EncodedTexts, pairs: Sequence[tuple[str, ...]]) -> EncodedTexts:
    """Put the parts of each text one after the other, without padding between them."""
    states, embeddings, parts, tokens, truncated = [], [], [], [], []
    row = 0
    for pair in pairs:
        rows = range(row, row + len(pair))
        row += len(pair)
        states.append(torch.cat([encoded.layer_states[i, encoded.mask[i]] for i in rows]))
        embeddings.append(torch.cat([encoded.embedding_states[i, encoded.mask[i]] for i in rows]))
        parts.append(torch.cat([encoded.parts[i, encoded.mask[i]] + i - rows[0] for i in rows]))
        joined: list[Token] = []
        for i in rows:
            offset = 1 + max((token.word for token in joined), default=-1)
            joined += [t if t.special else replace(t, word=t.word + offset) for t in encoded.tokens[i]]
        tokens.append(joined)
        truncated.append(any(encoded.truncated[i] for i in rows))
    lengths = torch.tensor([len(part) for part in parts], device=encoded.mask.device)
    return EncodedTexts(
        layer_states=nn.utils.rnn.pad_sequence(states, batch_first=True),
        embedding_states=nn.utils.rnn.pad_sequence(embeddings, batch_first=True),
        mask=torch.arange(int(lengths.max()), device=lengths.device) < lengths[:, None],
        parts=nn.utils.rnn.pad_sequence(parts, batch_first=True),
        tokens=tokens,
        truncated=truncated,
    )
