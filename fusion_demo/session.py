"""All that the page asks for, without Gradio: checkpoints, one pair of models, classification, chat."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, RLock

import numpy as np
import torch

from fusion_demo.bridge import FusionBridge
from fusion_demo.chat import CHAT_TASKS, ChatUpdate, Message, check_messages, converse
from fusion_demo.checkpoint import CheckpointInfo, list_checkpoints, load_checkpoint
from fusion_demo.decoding import Decoding
from fusion_demo.detection import detect_language
from fusion_demo.errors import CheckpointError, ConfigError, InputError, unknown_name
from fusion_demo.frozen import FrozenModels
from fusion_demo.input_text import check_known, readable_text
from fusion_demo.tasks import TASKS, Task, get_task
from fusion_demo.tokens import Text, Token


@dataclass(frozen=True)
class Classification:
    """The answer to one text or pair of texts, and what it was made from.

    Attributes:
        text: The text, or both texts of a pair, as read; see `readable_text`.
        fields: What the task calls the text, or each text of a pair.
        label: The most probable label.
        scores: Every label of the task → its probability; they sum to 1.
        language: Code of the language the text seems to be in, or None.
        tokens: The T tokens that the encoder read; those of a pair's second text follow the first's.
        parts: For each token 0, or 1 for those of a pair's second text.
        layers: Numbers of the encoder's layers, 1 to L; 0 before them where the fusion mixes the
            embedding output too.
        layer_weights: (T, L), the weights with which the fusion mixed the layers for this answer.
        truncated: Whether the encoder read only the beginning of a text.
        prompt_truncated: Whether the LLM read only the beginning of it, for a bridge that gives it the
            text too.
        removed: Number of control characters that were left out.
        milliseconds: Time from text to scores, loading left out.
    """

    text: Text
    fields: tuple[str, ...]
    label: str
    scores: dict[str, float]
    language: str | None
    tokens: list[Token]
    parts: list[int]
    layers: list[int]
    layer_weights: np.ndarray
    truncated: bool
    prompt_truncated: bool
    removed: int
    milliseconds: float


@dataclass(frozen=True)
class _Loaded:
    version: int
    bridge: FusionBridge


class Session:
    """Classifies texts, and chats, with the checkpoints of one folder.

    Checkpoints are loaded when first used and share their frozen models. One text is classified or
    answered at a time, so that a session can be called from several threads.

    Args:
        checkpoints: Folder with one checkpoint a subfolder.
        device: Where the models run, as "cpu" or "cuda:0".
        dtype: Number format of the frozen models.
        default_checkpoint: Name of the checkpoint to start with; by default the one with the best
            mean accuracy on the non-English dev sets.

    Raises:
        ConfigError: there is no such device here.
    """

    def __init__(
        self,
        checkpoints: Path,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        default_checkpoint: str | None = None,
    ) -> None:
        _check_device(device)
        self.folder = checkpoints
        self.default_checkpoint = default_checkpoint
        self._models = FrozenModels(device=device, dtype=dtype)
        self._loaded: dict[str, _Loaded] = {}
        self._lock = RLock()

    def checkpoints(self, task: str | None = None) -> list[CheckpointInfo]:
        """Return the checkpoints of tasks with labels, or of one task, the one to start with first.

        The folder is read anew each time, so that a bridge trained meanwhile is found.

        Raises:
            CheckpointError: the default checkpoint is not there.
        """
        found = [info for info in self._read_folder() if info.task in TASKS]
        found.sort(key=lambda info: (info.name != self.default_checkpoint, -_dev_accuracy(info), info.name))
        return [info for info in found if task in (None, info.task)]

    def chat_checkpoints(self) -> list[CheckpointInfo]:
        """Return the checkpoints that can chat, the one to start with first: of the better task, then loss.

        Raises:
            CheckpointError: the default checkpoint is not there.
        """
        found = [info for info in self._read_folder() if info.task in CHAT_TASKS]
        return sorted(
            found,
            key=lambda info: (
                info.name != self.default_checkpoint,
                CHAT_TASKS.index(info.task),
                _dev_loss(info),
                info.name,
            ),
        )

    def tasks(self) -> list[Task]:
        """Return the tasks that have a checkpoint, that of the checkpoint to start with first."""
        return [get_task(name) for name in dict.fromkeys(info.task for info in self.checkpoints())]

    def warm_up(self) -> None:
        """Classify a text and answer one, so that all is loaded when a reader comes.

        Without a checkpoint nothing happens.

        Raises:
            CheckpointError: the checkpoint to start with is damaged, or made for other frozen models.
            ModelError: a frozen model cannot be loaded.
        """
        for info in self.checkpoints()[:1]:
            words = "The first text takes longer."
            second = words if len(get_task(info.task).fields) == 2 else ""
            self.classify(words, info.task, info.name, second)
        if self.chat_checkpoints():
            for _ in self.chat([Message("user", "Hello")], decoding=Decoding(max_new_tokens=1)):
                pass

    def classify(self, text: str, task: str, checkpoint: str = "", second: str = "") -> Classification:
        """Ask the LLM for the label of a text, or of a pair of texts, in any language.

        Args:
            text: At most `MAX_CHARACTERS` characters; control characters are left out.
            task: Name of a task.
            checkpoint: Name of a checkpoint of that task; empty for the first of them.
            second: The second text, for a task that asks about pairs.

        Raises:
            InputError: a text is empty, too long, or nothing that the encoder can read; or there is a
                second text, and the task takes one.
            ConfigError: there is no such task.
            CheckpointError: there is no such checkpoint of this task, or it is damaged.
            ModelError: a frozen model cannot be loaded.
        """
        fields, labels = get_task(task).fields, get_task(task).label_words
        readable, removed = _readable(fields, (text, second))
        info = self._find(task, checkpoint)
        with self._lock:
            loaded = self._load(info)
            start = time.perf_counter()
            frame = loaded.bridge.frame(get_task(task).instruction, get_task(task).bare_prompt)
            with torch.inference_mode():
                answer = loaded.bridge.score_labels([readable], list(labels.values()), frame)
            milliseconds = 1000 * (time.perf_counter() - start)
        tokens, prompt = answer.soft_tokens.tokens[0], answer.soft_tokens.prompt
        parts = answer.soft_tokens.parts[0, : len(tokens)].tolist()
        for part, name in enumerate(fields):
            own = [token for token, where in zip(tokens, parts, strict=True) if where == part]
            check_known(own, name)
        weights = answer.soft_tokens.layer_weights[0, : len(tokens)].float().cpu().numpy()
        scores = dict(zip(labels, answer.probabilities[0].tolist(), strict=True))
        return Classification(
            text=readable,
            fields=fields,
            label=max(scores, key=scores.__getitem__),
            scores=scores,
            language=detect_language(readable if isinstance(readable, str) else " ".join(readable)),
            tokens=tokens,
            parts=parts,
            layers=loaded.bridge.fusion.layers,
            layer_weights=weights,
            truncated=answer.soft_tokens.truncated[0],
            prompt_truncated=prompt is not None and prompt.truncated[0],
            removed=removed,
            milliseconds=milliseconds,
        )

    def chat(
        self,
        messages: Sequence[Message],
        *,
        checkpoint: str = "",
        decoding: Decoding | None = None,
        straight: bool = False,
        stop: Event | None = None,
    ) -> Iterator[ChatUpdate]:
        """Answer the last message of a conversation, in any language, token by token in English.

        See `converse`, which does it and says what it raises; what the models cannot do is raised on reading.

        Args:
            messages: User and assistant in turn, the user first and last.
            checkpoint: Name of a checkpoint that can chat; empty for the first of them.
            decoding: How the answer is written.
            straight: Give an English message to the LLM as its own tokens, without the bridge.
            stop: Ends the turn when set, as closing the iterator does.

        Raises:
            InputError: the messages are no conversation.
            CheckpointError: there is no such checkpoint.
        """
        check_messages(messages)
        available = {info.name: info for info in self.chat_checkpoints()}
        if not available:
            raise CheckpointError(
                f"There is no checkpoint in {self.folder.name}/ that can chat. Train one: "
                f"python -m train_cli train --task {CHAT_TASKS[-1]} --data FOLDER "
                f"--output {self.folder.name}/NAME"
            )
        info = _named(checkpoint, available, "checkpoint that can chat")
        return converse(
            lambda: self._load(info).bridge,
            self._lock,
            messages,
            decoding=decoding,
            straight=straight,
            stop=stop,
        )

    def _read_folder(self) -> list[CheckpointInfo]:
        found = [info for info in list_checkpoints(self.folder) if info.task in (*TASKS, *CHAT_TASKS)]
        names = [info.name for info in found]
        if self.default_checkpoint is not None and self.default_checkpoint not in names:
            raise CheckpointError(unknown_name("checkpoint", self.default_checkpoint, names))
        return found

    def _find(self, task: str, checkpoint: str) -> CheckpointInfo:
        available = {info.name: info for info in self.checkpoints(task)}
        if not available:
            raise CheckpointError(
                f"There is no checkpoint for the task '{task}' in {self.folder.name}/. Train one: "
                f"python -m train_cli train --task {task} --data FOLDER --output {self.folder.name}/NAME"
            )
        return _named(checkpoint, available, f"checkpoint for the task '{task}'")

    def _load(self, info: CheckpointInfo) -> _Loaded:
        # Files are replaced whole, which changes the folder's modification time.
        version = info.folder.stat().st_mtime_ns
        with self._lock:
            known = self._loaded.get(info.name)
            if known is None or known.version != version:
                bridge = load_checkpoint(info.folder, models=self._models)
                self._loaded[info.name] = known = _Loaded(version, bridge)
            return known


def _named(name: str, available: dict[str, CheckpointInfo], kind: str) -> CheckpointInfo:
    """Return the checkpoint of a name, or the first one without a name."""
    name = name or next(iter(available))
    if name not in available:
        raise CheckpointError(unknown_name(kind, name, available))
    return available[name]


def _readable(fields: tuple[str, ...], texts: tuple[str, str]) -> tuple[Text, int]:
    """Return a task's text or pair as `readable_text` leaves it, and how many characters were left out."""
    if len(fields) == 1 and texts[1]:
        raise InputError("This task asks about one text. Leave the second one empty.")
    first, *rest = [readable_text(text, name) for text, name in zip(texts, fields, strict=False)]
    if not rest:
        return first
    second = rest[0]
    return (first[0], second[0]), first[1] + second[1]


def _check_device(name: str) -> None:
    found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    if name not in found:
        raise ConfigError(unknown_name("device", name, found))


def _dev_accuracy(info: CheckpointInfo) -> float:
    """Mean accuracy on the non-English dev sets; a checkpoint without one comes last."""
    dev = info.metrics.get("dev")
    accuracy = dev.get("mean_non_english") if isinstance(dev, dict) else None
    return float(accuracy) if isinstance(accuracy, int | float) else -1.0


def _dev_loss(info: CheckpointInfo) -> float:
    """Loss on the English dev texts that a writing task's training is judged by; without one, infinity."""
    loss = info.metrics.get("training", {}).get("dev_selection", {}).get("en", {}).get("loss")
    return float(loss) if isinstance(loss, int | float) else float("inf")
