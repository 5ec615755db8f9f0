"""What the tab Layers asks of a session: the layers of texts, and answers without some of them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_demo.card import CheckpointInfo
from fusion_demo.detection import detect_language
from fusion_demo.errors import CheckpointError, InputError, unknown_name
from fusion_demo.input_text import check_known, readable_text
from fusion_demo.layer_use import TextMasking, check_masked, passes, summarise_masking
from fusion_demo.layer_use.profiles import Profile
from fusion_demo.layer_use.weights import fuse_and_measure
from fusion_demo.session import Session
from fusion_demo.tasks import get_task
from fusion_demo.tokens import Text

MAX_TEXTS = 4
MAX_MASKED = 6
MAX_DRAWS = 10
MAX_SEED = 2**32 - 1
ROWS_AT_ONCE = 8
"""Copies of a text that the models read in one pass; between two passes, others may ask."""


@dataclass(frozen=True)
class TextLayers:
    """How much of each layer goes into one text, the mean over its own tokens.

    Attributes:
        text: The text, or both of a pair, as read.
        language: Code of the language that it seems to be in, or None.
        tokens: How many tokens the encoder read, special ones left out.
        truncated: Whether it read only the beginning.
        layers: Numbers of the L layers; 0: the embedding output.
        profile: The L weights and contributions; its title is the text.
    """

    text: Text
    language: str | None
    tokens: int
    truncated: bool
    layers: list[int]
    profile: Profile


@dataclass(frozen=True)
class MaskingProgress:
    """How far the masking of a text has come.

    Attributes:
        done: How often the models have read the text.
        total: How often they will.
        text: The text, or both of a pair, as read.
        summary: From `summarise_masking`, at the end; until then None.
    """

    done: int
    total: int
    text: Text
    summary: dict[str, Any] | None = None


class LayerSession:
    """Measures the layers of texts with the checkpoints of a session.

    Args:
        session: Whose checkpoints and models are used.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def checkpoint(self, name: str = "") -> CheckpointInfo:
        """Return the checkpoint of a name, or without a name the one to start with.

        Raises:
            CheckpointError: there is no such checkpoint of a task with labels.
        """
        known = {info.name: info for info in self.session.checkpoints()}
        if not known:
            folder = self.session.folder.name
            raise CheckpointError(
                f"There is no checkpoint in {folder}/ yet. Train one: "
                f"python -m train_cli train --task news --data FOLDER --output {folder}/NAME"
            )
        name = name or next(iter(known))
        if name not in known:
            raise CheckpointError(unknown_name("checkpoint", name, known))
        return known[name]

    def profiles(self, texts: Sequence[Sequence[str]], checkpoint: str = "") -> list[TextLayers]:
        """Return how much of each layer goes into some texts. The LLM is not asked.

        Args:
            texts: 1 to `MAX_TEXTS` texts, each a sequence of one, or of two for a pair.
            checkpoint: Name of a checkpoint; empty for the one to start with.

        Raises:
            InputError: there are too many texts or none, or one cannot be read.
            CheckpointError: there is no such checkpoint, or it is damaged.
            ModelError: a frozen model cannot be loaded.
        """
        if not 1 <= len(texts) <= MAX_TEXTS:
            raise InputError(f"Give 1 to {MAX_TEXTS} texts to compare; there are {len(texts)}.")
        info = self.checkpoint(checkpoint)
        readable = [_read(text, f"text {number}") for number, text in enumerate(texts, start=1)]
        with self.session.bridge(info.task, info.name) as bridge:
            encoded, use = fuse_and_measure(bridge, readable)
        found = []
        for row, text in enumerate(readable):
            check_known(encoded.tokens[row], f"text {row + 1}")
            whole = text if isinstance(text, str) else " / ".join(text)
            found.append(
                TextLayers(
                    text,
                    detect_language(whole),
                    sum(not token.special for token in encoded.tokens[row]),
                    encoded.truncated[row],
                    bridge.fusion.layers,
                    Profile(whole, use.weights[row].tolist(), use.shares[row].tolist()),
                )
            )
        return found

    def mask(
        self, text: Sequence[str], checkpoint: str = "", *, masked: int, draws: int, seed: int = 0
    ) -> Iterator[MaskingProgress]:
        """Mask 1 to `masked` layers of a text and see how its answer changes; yield after every pass.

        Args:
            text: The text, or both of a pair.
            checkpoint: Name of a checkpoint; empty for the one to start with.
            masked: 1 to `MAX_MASKED`, and fewer than there are layers.
            draws: Random choices of layers to compare with, 1 to `MAX_DRAWS`.
            seed: Of the random choices and of the bootstrap.

        Raises:
            InputError: a value is out of its range, or the text cannot be read, or is no pair where the
                checkpoint's task needs one.
            ConfigError: the checkpoint uses one layer only.
            CheckpointError: there is no such checkpoint, or it is damaged.
            ModelError: a frozen model cannot be loaded.
        """
        bounds = {
            "masked": (masked, 1, MAX_MASKED),
            "draws": (draws, 1, MAX_DRAWS),
            "seed": (seed, 0, MAX_SEED),
        }
        for name, (value, low, high) in bounds.items():
            if not low <= value <= high:
                raise InputError(f"{name} must be at least {low} and at most {high}.")
        info = self.checkpoint(checkpoint)
        task = get_task(info.task)
        if len(text) != len(task.fields):
            needed = "a text" if len(task.fields) == 1 else f"two texts, {' and '.join(task.fields)}"
            raise InputError(f"The task of {info.name} asks about {needed}.")
        names = task.fields if len(task.fields) == 2 else ("text",)
        readable = _read(text, *names)
        with self.session.bridge(info.task, info.name) as bridge:
            check_masked(bridge, masked)
            (tokens,) = bridge.encoder([readable]).tokens
            check_known(tokens, "text")
            masking = TextMasking(bridge, task, readable, masked=masked, draws=draws, seed=seed)
        steps, total = masking.steps(ROWS_AT_ONCE), passes(masked, draws)
        done, found = 0, None
        while found is None:
            with self.session.bridge(info.task, info.name):
                found = next(steps)
            done = min(1 if done == 0 else done + ROWS_AT_ONCE, total)
            yield MaskingProgress(done, total, readable, found and summarise_masking(found, seed=seed))
            time.sleep(0.001)  # whoever waits for the models gets them first


def _read(text: Sequence[str], *names: str) -> Text:
    """Return a text, or both of a pair, as `readable_text` leaves them."""
    names = names if len(names) == len(text) else tuple(f"{names[0]}, part {part}" for part in (1, 2))
    parts = [readable_text(part, name)[0] for part, name in zip(text, names, strict=True)]
    return parts[0] if len(parts) == 1 else (parts[0], parts[1])
