"""The frozen encoder's states on disk: each text is read once for all epochs and trainings.

A frozen encoder says the same of a text every time, and in a warm start its passes are most of the cost.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from tqdm import tqdm
from transformers import BatchEncoding

from fusion_demo.batching import batches_by_length
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import DataError
from fusion_demo.files import remove_unfinished, write_json
from fusion_demo.pretrained.fingerprint import input_fingerprint
from fusion_demo.tokens import Text

BATCH_SIZE = 64
SAVE_EVERY = 20
STATES, INDEX, LOCK = "states.bin", "index.json", "lock"


class CachedEncoder(MultilingualEncoder):
    """An encoder that looks a text's states up before it reads the text.

    The states of all texts lie behind one another in one file, in half precision: for each token the
    embedding output and the L layers, 2 · (L + 1) · D bytes. The index says where each text begins; what lies
    in the file behind the last indexed text was written by a run that was stopped, and is written again.

    Args:
        encoder: Reads what is not there.
        folder: Holds a folder for each encoder, prefix and length. Several trainings may share it.
        fingerprint: Of the encoder's weights and tokeniser.
    """

    def __init__(self, encoder: MultilingualEncoder, folder: Path, fingerprint: str) -> None:
        super().__init__(
            encoder.model,
            encoder.tokenizer,
            prefix=encoder.prefix,
            max_tokens=encoder.max_tokens,
            language=encoder.language,
        )
        rules = input_fingerprint(self.tokenizer)
        key = json.dumps([fingerprint, rules, self.prefix, self.max_tokens, self.language])
        self.folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        self._index: dict[str, tuple[int, int]] = {}
        self._states_on_disk = np.empty((0, self.num_layers + 1, self.width), np.float16)

    def fill(self, texts: Sequence[Text]) -> None:
        """Read all texts that are not there yet; a stopped one goes on where it was last saved.

        Raises:
            DataError: the folder cannot be written, or holds a damaged index.
        """
        parts = {part for text in texts for part in ((text,) if isinstance(text, str) else text)}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / LOCK):
                remove_unfinished(self.folder)
                self.open()
                missing = sorted(part for part in parts if _digest(part) not in self._index)
                self._append(missing)
        except OSError as error:
            raise DataError(
                f"The encoder's states cannot be kept in {self.folder}: {error}. Make room, name another "
                "folder with --state-cache, or leave it out."
            ) from None

    def _append(self, texts: list[str]) -> None:
        end = sum(length for _, length in self._index.values())
        with (self.folder / STATES).open("r+b" if end else "w+b") as file:
            file.truncate(end * self._token_bytes)
            file.seek(0, os.SEEK_END)
            batches = batches_by_length(texts, BATCH_SIZE)
            for number, batch in enumerate(
                tqdm(batches, desc="encoder states", unit="batch", disable=None, leave=False), start=1
            ):
                read = [texts[i] for i in batch]
                encoded = super().forward(read)
                states = encoded.states(embeddings=True).to("cpu", torch.float16).numpy()
                for text, row, real in zip(read, states, encoded.mask.cpu().numpy(), strict=True):
                    file.write(row[real].tobytes())
                    self._index[_digest(text)] = (end, int(real.sum()))
                    end += int(real.sum())
                if number % SAVE_EVERY == 0 or number == len(batches):
                    file.flush()
                    write_json(self.folder / INDEX, {"texts": self._index})

    def _states(self, texts: list[str], batch: BatchEncoding, kept: list[int]) -> tuple[Tensor, Tensor]:
        places = [self._index.get(_digest(text)) for text in texts]
        if not all(places):
            return super()._states(texts, batch, kept)
        found = torch.zeros(len(texts), len(kept), self.num_layers + 1, self.width, dtype=torch.float16)
        for row, (start, length) in enumerate(places):
            found[row, :length] = torch.from_numpy(self._states_on_disk[start : start + length].copy())
        states = found.to(self.model.device, self.model.dtype)
        return states[:, :, 1:], states[:, :, 0]

    def open(self) -> None:
        """Find the texts that are there; before the first call none is.

        Raises:
            DataError: the index is damaged.
        """
        index, states = self.folder / INDEX, self.folder / STATES
        self._index = {}
        if not index.exists():
            return
        try:
            found = json.loads(index.read_text(encoding="utf-8"))["texts"]
            self._index = {digest: (int(start), int(length)) for digest, (start, length) in found.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(f"{index} is damaged. Remove its folder: rm -r {self.folder}") from None
        tokens = sum(length for _, length in self._index.values())
        if not states.exists() or states.stat().st_size < tokens * self._token_bytes:
            raise DataError(
                f"{states} is shorter than its index says. Remove its folder: rm -r {self.folder}"
            )
        if tokens:
            shape = (tokens, self.num_layers + 1, self.width)
            self._states_on_disk = np.memmap(states, np.float16, "r", shape=shape)

    @property
    def _token_bytes(self) -> int:
        return 2 * (self.num_layers + 1) * self.width


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
