"""The checkpoints of one folder: in the order in which they are offered, found by name, loaded once."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from fusion_demo.bridge import FusionBridge
from fusion_demo.chat import CHAT_TASKS, Bridges
from fusion_demo.checkpoint import (
    CONFIG,
    TENSORS,
    UNDERSTANDING,
    CheckpointInfo,
    find_checkpoints,
    list_checkpoints,
    load_checkpoint,
    other_model,
)
from fusion_demo.errors import CheckpointError, unknown_name
from fusion_demo.frozen import FrozenModels
from fusion_demo.presets import preset_values
from fusion_demo.tasks import TASKS
from fusion_demo.understanding import Thresholds

Version = tuple[tuple[int, int, int] | None, ...]
"""Of the tensors and of config.json: what changes when the file is written anew, replaced or copied over."""


@dataclass(frozen=True)
class _Loaded:
    version: Version
    bridge: FusionBridge


class CheckpointFolder:
    """The checkpoints directly below a folder, which is read anew each time: more may be trained meanwhile.

    They may also be replaced, damaged or deleted while others ask. A damaged one is not offered, and refused
    by name; what it was is used on by those who have its bridge.

    Args:
        path: The folder.
        models: The frozen models, shared by all of its bridges.
        default: Name of the checkpoint that comes first; None: the best one.
        preset: Only checkpoints between the models of this preset are there; empty: all are.

    Raises:
        ConfigError: there is no such preset.
    """

    def __init__(
        self, path: Path, models: FrozenModels, *, default: str | None = None, preset: str = ""
    ) -> None:
        self.path = path
        self.default = default
        self.preset = preset
        self._between = preset_values(preset) if preset else None
        self._models = models
        self._loaded: dict[str, _Loaded] = {}
        self._lock = Lock()

    def check(self) -> None:
        """Refuse a folder that is not in order, before anybody asks.

        Raises:
            CheckpointError: a checkpoint is damaged, the default one is not there, or none is between the
                preset's models.
        """
        names = [info.name for info in self._usable()]
        if self.preset and not names:
            raise CheckpointError(
                f"No checkpoint in {self.path.name}/ is between the models of the preset '{self.preset}'. "
                f"Train one: python -m train_cli train --preset {self.preset} --task news --data FOLDER "
                f"--output {self.path.name}/NAME; or leave the preset out."
            )
        if self.default is not None and self.default not in names:
            raise CheckpointError(unknown_name("checkpoint", self.default, names))

    def load_all(self) -> None:
        """Load the bridges of all checkpoints that can be asked; no text is read.

        Raises:
            CheckpointError: one is damaged, or made for other frozen models.
            ModelError: a frozen model cannot be loaded.
        """
        for info in self._usable():
            self.load(info)

    def with_labels(self, task: str | None = None) -> list[CheckpointInfo]:
        """Return the checkpoints of tasks with labels, or of one task, the best on the dev sets first."""
        return self._with_labels(self._find()[0], task)

    def that_chat(self) -> list[CheckpointInfo]:
        """Return the checkpoints that can chat: the better task first, then the better on dev texts."""
        return self._that_chat(self._find()[0])

    def find(self, task: str, name: str = "") -> CheckpointInfo:
        """Return a checkpoint of a task with labels by its name; without a name the first one.

        Raises:
            CheckpointError: there is none, or none of that name, or it is damaged.
        """
        found, damaged = self._find()
        available = self._with_labels(found, task)
        if not available and name not in damaged:
            raise CheckpointError(
                f"There is no checkpoint for the task '{task}' in {self.path.name}/. Train one: "
                f"python -m train_cli train --task {task} --data FOLDER --output {self.path.name}/NAME"
            )
        return _named(name, available, damaged, f"checkpoint for the task '{task}'")

    def find_chat(self, name: str = "") -> CheckpointInfo:
        """Return a checkpoint that can chat by its name; without a name the first one.

        Raises:
            CheckpointError: there is none, or none of that name, or it is damaged.
        """
        found, damaged = self._find()
        available = self._that_chat(found)
        if not available and name not in damaged:
            raise CheckpointError(
                f"There is no checkpoint in {self.path.name}/ that can chat. Train one: "
                f"python -m train_cli train --task {CHAT_TASKS[-1]} --data FOLDER "
                f"--output {self.path.name}/NAME"
            )
        return _named(name, available, damaged, "checkpoint that can chat")

    def load(self, info: CheckpointInfo) -> FusionBridge:
        """Return the bridge of a checkpoint, loaded when first asked for and when its files have changed.

        Of one that was deleted since it was found, the bridge as it was.

        Raises:
            CheckpointError: it is damaged, or made for other frozen models.
            ModelError: a frozen model cannot be loaded.
        """
        with self._lock:
            known = self._loaded.get(info.name)
            version = tuple(_stamp(info.folder / name) for name in (TENSORS, CONFIG))
            deleted = version[-1] is None
            if known is None or not (deleted or version == known.version):
                bridge = load_checkpoint(info.folder, models=self._models)
                self._loaded[info.name] = known = _Loaded(version, bridge)
            return known.bridge

    def load_chat(self, info: CheckpointInfo) -> Bridges:
        """Return the bridges of a conversation with a checkpoint that can chat, loaded as `load` does.

        Messages are understood by a checkpoint of `echo` between the same frozen models, the first of them;
        where there is none, by the one that answers, which was taught to answer and not to repeat.
        """
        bridge = self.load(info)
        if info.task == "echo":
            return Bridges(bridge, None, info.name, _thresholds(info))
        echoes = (other for other in self.that_chat() if other.task == "echo")
        echo = next((other for other in echoes if not other_model(other, info.fingerprints)), None)
        if echo is None:
            return Bridges(bridge, bridge, info.name)
        return Bridges(self.load(echo), bridge, info.name, _thresholds(echo))

    def _find(self) -> tuple[list[CheckpointInfo], dict[str, CheckpointError]]:
        found, damaged = find_checkpoints(self.path)
        return self._of_preset(found), damaged

    def _usable(self) -> list[CheckpointInfo]:
        found = self._of_preset(list_checkpoints(self.path))
        return [info for info in found if info.task in (*TASKS, *CHAT_TASKS)]

    def _of_preset(self, found: list[CheckpointInfo]) -> list[CheckpointInfo]:
        models = self._between
        return [
            info
            for info in found
            if models is None or (info.bridge.encoder, info.bridge.llm) == (models["encoder"], models["llm"])
        ]

    def _with_labels(self, found: list[CheckpointInfo], task: str | None) -> list[CheckpointInfo]:
        offered = [info for info in found if info.task in TASKS and task in (None, info.task)]
        return sorted(offered, key=lambda info: (info.name != self.default, -_dev_accuracy(info), info.name))

    def _that_chat(self, found: list[CheckpointInfo]) -> list[CheckpointInfo]:
        return sorted(
            (info for info in found if info.task in CHAT_TASKS),
            key=lambda info: (
                info.name != self.default,
                CHAT_TASKS.index(info.task),
                -_dev_retrieval(info),
                _dev_loss(info),
                info.name,
            ),
        )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _named(
    name: str, available: list[CheckpointInfo], damaged: dict[str, CheckpointError], kind: str
) -> CheckpointInfo:
    """Return the checkpoint of a name, or the first one without a name."""
    if name in damaged:
        raise damaged[name]
    by_name = {info.name: info for info in available}
    name = name or next(iter(by_name))
    if name not in by_name:
        raise CheckpointError(unknown_name(kind, name, by_name))
    return by_name[name]


def _dev_accuracy(info: CheckpointInfo) -> float:
    """Mean accuracy on the non-English dev sets; a checkpoint without one comes last."""
    dev = info.metrics.get("dev")
    accuracy = dev.get("mean_non_english") if isinstance(dev, dict) else None
    return float(accuracy) if isinstance(accuracy, int | float) else -1.0


def _dev_retrieval(info: CheckpointInfo) -> float:
    """How often foreign dev texts are found by their echoes, in per cent; not measured: -1."""
    mean = _understanding(info).get("mean")
    found = mean.get("vector_retrieval") if isinstance(mean, dict) else None
    return float(found) if isinstance(found, int | float) else -1.0


def _thresholds(info: CheckpointInfo) -> Thresholds | None:
    found = _understanding(info).get("thresholds")
    return Thresholds(found["well"], found["partly"]) if isinstance(found, dict) else None


def _understanding(info: CheckpointInfo) -> dict[str, Any]:
    found = info.metrics.get(UNDERSTANDING)
    return found if isinstance(found, dict) else {}


def _dev_loss(info: CheckpointInfo) -> float:
    """Loss on the English dev texts that a writing task's training is judged by; without one, infinity."""
    loss = info.metrics.get("training", {}).get("dev_selection", {}).get("en", {}).get("loss")
    return float(loss) if isinstance(loss, int | float) else float("inf")
