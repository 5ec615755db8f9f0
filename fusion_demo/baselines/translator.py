"""Machine translation into English with an encoder-decoder model: NLLB, M2M100 or Marian."""

from collections.abc import Iterable, Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fusion_demo.batching import batches_by_length
from fusion_demo.errors import ConfigError
from fusion_demo.languages import FLORES_CODES, LANGUAGES, get_language

MAX_SOURCE_TOKENS = 512
MAX_TARGET_TOKENS = 256
BEAMS = 4
"""Beam width, as in the evaluation of NLLB."""


class Translator:
    """Translates into English; nothing of the text can act as a control token.

    Where the model has a token for each language, the source's stands with the text and the answer has
    to begin with that of English. NLLB writes it as "sin_Sinh", M2M100 as "__si__". Marian models into
    English have none.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        name: str,
        beams: int = BEAMS,
        max_new_tokens: int | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.name = name
        self.beams = beams
        self.max_new_tokens = max_new_tokens
        self._speaks_codes = model.config.model_type != "marian"
        self.max_source_tokens = min(MAX_SOURCE_TOKENS, model.config.max_position_embeddings)
        self._english = self._code("en")[1] if self._speaks_codes else None
        target = getattr(tokenizer, "target_lang", None)
        if not self._speaks_codes and target not in (None, "en", "eng"):
            raise ConfigError(
                f"The translator '{name}' writes '{target}', not English. Give another --translator."
            )

    def check_languages(self, languages: Iterable[str]) -> None:
        """Refuse languages that the model does not read, before anything is translated.

        Raises:
            ConfigError: the model has no token for a language, or is made for another one alone.
        """
        for language in languages:
            if language != "en":
                self._source(language)

    @torch.no_grad()
    def translate(self, texts: Sequence[str], language: str, *, batch_size: int = 16) -> list[str]:
        """Return the texts in English.

        Args:
            texts: N texts; of each the first `MAX_SOURCE_TOKENS` tokens are read.
            language: Code of the language that they are in; English comes back as it is.
            batch_size: Texts per batch; those of like length share one.

        Raises:
            ConfigError: the model does not read that language.
        """
        if language == "en":
            return list(texts)
        source = self._source(language)
        if source is not None:
            self.tokenizer.src_lang = source
        english: dict[int, str] = {}
        for batch in batches_by_length(texts, batch_size):
            encoded = self.tokenizer(
                [texts[index] for index in batch],
                padding=True,
                truncation=True,
                max_length=self.max_source_tokens,
                split_special_tokens=True,
                return_tensors="pt",
            ).to(self.model.device)
            ids = self.model.generate(
                **encoded,
                forced_bos_token_id=self._english,
                num_beams=self.beams,
                do_sample=False,
                max_new_tokens=self.max_new_tokens or MAX_TARGET_TOKENS,
            )
            # Some tokenisers do not count the languages' tokens among the special ones.
            kept = [[token for token in row if token != self._english] for row in ids.tolist()]
            written = self.tokenizer.batch_decode(kept, skip_special_tokens=True)
            english |= dict(zip(batch, (text.strip() for text in written), strict=True))
        return [english[index] for index in range(len(texts))]

    def shortens(self, text: str) -> bool:
        """Return whether only the beginning of a text is translated."""
        return len(self.tokenizer(text, split_special_tokens=True)["input_ids"]) > self.max_source_tokens

    def _source(self, language: str) -> str | None:
        """The tokeniser's name of a source language; None where the model has no names for them."""
        if self._speaks_codes:
            return self._code(language)[0]
        only = getattr(self.tokenizer, "source_lang", None)
        if only in LANGUAGES and only != language:
            raise ConfigError(
                f"The translator '{self.name}' reads {get_language(only).english_name}, not "
                f"{get_language(language).english_name}. Leave that out of --languages, or give another "
                "--translator."
            )
        return None

    def _code(self, language: str) -> tuple[str, int]:
        """The tokeniser's name of a language, and the id of the language's token."""
        flores = FLORES_CODES[get_language(language).code]
        for name, token in ((flores, flores), (language, f"__{language}__")):
            index = self.tokenizer.convert_tokens_to_ids(token)
            if index is not None and index != self.tokenizer.unk_token_id:
                return name, index
        raise ConfigError(
            f"The translator '{self.name}' has no token for {get_language(language).english_name} "
            f"('{flores}' or '__{language}__'). Leave that language out of --languages, or give another "
            "--translator, such as facebook/nllb-200-distilled-600M."
        )
