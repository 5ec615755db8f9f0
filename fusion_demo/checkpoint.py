"""Checkpoints: a folder with the trained tensors and all that is needed to use and repeat them.

    model.safetensors   the trained tensors, and digests of them and of config.json
    config.json         bridge, task, training, fingerprints of both frozen models
    metrics.json        how training went, and the evaluations recorded since
    README.md           the model card, made from the two files above

Every file is replaced atomically, config.json last: whoever finds it finds all. The frozen models are named
and fingerprinted, never stored.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from fusion_demo.bridge import FusionBridge
from fusion_demo.card import CheckpointInfo, render_card
from fusion_demo.config import BridgeConfig, TrainConfig, read_config
from fusion_demo.errors import CheckpointError, ConfigError, shown
from fusion_demo.files import json_bytes, write_atomically, write_json, write_together
from fusion_demo.frozen import FrozenModels
from fusion_demo.pretrained.random_weights import PREFIX as RANDOM_PREFIX
from fusion_demo.tensors import COPY_AGAIN, read_note, read_tensors, tensors_bytes

FORMAT_VERSION = 1
TENSORS, CONFIG, METRICS, CARD = "model.safetensors", "config.json", "metrics.json", "README.md"
UNDERSTANDING = "understanding"
"""Key in metrics.json: what `echo --record` measured on dev texts, `mean` and `thresholds`."""

LARGEST_JSON = 4_000_000
SHAPING_OPTIONS = (
    "fusion",
    "fusion_blocks",
    "fusion_heads",
    "fusion_feedforward",
    "projection",
    "projection_width",
    "projection_norm",
    "relation_token",
    "relation_states",
)
"""Options of the bridge without which its trained tensors mean nothing."""

SENTENCE_OPTIONS = ("sentence_tokens", "sentence_states", "sentence_queries", "sentence_width")
"""The same of the sentence tokens' own map, where there is one."""

REQUIRED_KEYS = {"format_version", "task", "bridge", "training", "command", "data", "fingerprints"}


def check_models(config: BridgeConfig) -> None:
    """Refuse to make a checkpoint between models that know nothing.

    Raises:
        CheckpointError: the weights of a frozen model are random.
    """
    for reference in (config.encoder, config.llm):
        if reference.startswith(RANDOM_PREFIX):
            raise CheckpointError(
                f"The weights of '{reference}' are random: it is there for `train --dry-run` and for "
                "benchmarks only. Name the real model, such as google/mt5-large and "
                "meta-llama/Llama-3.2-1B-Instruct, to train a checkpoint."
            )


def save_checkpoint(info: CheckpointInfo, tensors: dict[str, Tensor]) -> None:
    """Write a checkpoint; whoever reads it meanwhile finds the old or the new one, never half.

    Args:
        info: Everything but the tensors; `info.folder` is made if need be.
        tensors: `FusionBridge.trained_state()`.

    Raises:
        CheckpointError: the weights of a frozen model are random.
    """
    check_models(info.bridge)
    config = {
        "format_version": FORMAT_VERSION,
        "task": info.task,
        "bridge": dataclasses.asdict(info.bridge),
        "training": dataclasses.asdict(info.training),
        "command": info.command,
        "data": info.data,
        "fingerprints": info.fingerprints,
    }
    # config.json is the last: a folder without it is no checkpoint, rather than a damaged one.
    contents = {
        TENSORS: tensors_bytes(tensors, note=_digest(config)),
        METRICS: json_bytes(info.metrics),
        CARD: render_card(info).encode(),
        CONFIG: json_bytes(config),
    }
    write_together(info.folder, contents)


def update_metrics(folder: Path, key: str, report: dict[str, Any]) -> None:
    """Record an evaluation in a checkpoint's metrics.json and on its card.

    Args:
        folder: The checkpoint.
        key: "dev", "test", or `UNDERSTANDING`.
        report: What `evaluate` writes.
    """
    info = read_checkpoint_info(folder)
    _write_metrics(dataclasses.replace(info, metrics={**info.metrics, key: report}))


def read_checkpoint_info(folder: Path) -> CheckpointInfo:
    """Read all of a checkpoint but its tensors.

    Raises:
        CheckpointError: the folder is no checkpoint, or a file of it is missing or damaged.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"There is no checkpoint folder '{folder}'. "
            f"Train one with `python -m train_cli train --output {folder}`."
        )
    config = _read_json(folder / CONFIG)
    metrics = _read_json(folder / METRICS)
    if config.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{folder / CONFIG} has format version {shown(config.get('format_version'))}; this program reads "
            f"{FORMAT_VERSION}. Use the program that wrote it, or train again."
        )
    if set(config) != REQUIRED_KEYS:
        odd = ", ".join(sorted(set(config) ^ REQUIRED_KEYS))
        raise CheckpointError(f"{folder / CONFIG} lacks or has too many of these keys: {odd}. {COPY_AGAIN}")
    texts = [config[key] for key in ("task", "command")]
    tables = [config[key] for key in ("bridge", "training", "data", "fingerprints")]
    if not all(isinstance(v, str) for v in texts) or not all(isinstance(v, dict) for v in tables):
        raise CheckpointError(f"{folder / CONFIG} holds a value of the wrong type. {COPY_AGAIN}")
    try:
        bridge = read_config(BridgeConfig, config["bridge"], str(folder / CONFIG))
        training = read_config(TrainConfig, config["training"], str(folder / CONFIG))
    except ConfigError as error:
        raise CheckpointError(f"{error} {COPY_AGAIN}") from None
    return CheckpointInfo(
        folder=folder,
        task=config["task"],
        bridge=bridge,
        training=training,
        command=config["command"],
        data=config["data"],
        fingerprints=config["fingerprints"],
        metrics=metrics,
    )


def list_checkpoints(root: Path) -> list[CheckpointInfo]:
    """Return the checkpoints directly below a folder, by name; what is no checkpoint is passed over.

    Raises:
        CheckpointError: one of them is damaged.
    """
    found, damaged = find_checkpoints(root)
    for error in damaged.values():
        raise error
    return found


def find_checkpoints(root: Path) -> tuple[list[CheckpointInfo], dict[str, CheckpointError]]:
    """Return the checkpoints directly below a folder, by name, and by name what is wrong with the others."""
    folders = sorted(path.parent for path in root.glob(f"*/{CONFIG}")) if root.is_dir() else []
    found, damaged = [], {}
    for folder in folders:
        if not folder.name.startswith("."):
            try:
                found.append(read_checkpoint_info(folder))
            except CheckpointError as error:
                damaged[folder.name] = error
    return found, damaged


def load_checkpoint(folder: Path, models: FrozenModels | None = None) -> FusionBridge:
    """Rebuild a trained bridge, in evaluation mode.

    Args:
        folder: The checkpoint.
        models: Where the frozen models come from; give one object to several calls to share them.

    Raises:
        CheckpointError: a file is missing or damaged, or the frozen models are not those that the
            bridge was trained between.
        ModelError: a frozen model cannot be had.
    """
    info = read_checkpoint_info(folder)
    _check_config(folder)
    models = models or FrozenModels()
    actual = models.fingerprints(info.bridge)
    role = other_model(info, actual)
    if role:
        raise CheckpointError(
            f"{folder} was trained with another {role} than '{getattr(info.bridge, role)}' is here "
            f"(fingerprint {str(info.fingerprints.get(role))[:12]}, here {actual[role][:12]}). "
            "Fetch that model again (`python -m train_cli models fetch`), or train for this one."
        )
    _check_input(info, actual)
    bridge = models.build(info.bridge)
    _load_tensors(folder, bridge)
    bridge.checkpoint = info.name
    return bridge


def start_from(folder: Path, bridge: FusionBridge, fingerprints: dict[str, str]) -> None:
    """Put a checkpoint's trained tensors into a bridge that will be trained on.

    Both have the same frozen models, and the same options where these shape the trained tensors; the
    prompt, the task and the training may differ. A map for sentence tokens that the checkpoint does not have
    stays as it is.

    Args:
        folder: The checkpoint.
        bridge: Gets the tensors.
        fingerprints: Of the bridge's frozen models, `encoder` and `llm`.

    Raises:
        CheckpointError: the checkpoint is missing, damaged, or of another bridge.
    """
    info = read_checkpoint_info(folder)
    _check_config(folder)
    role = other_model(info, fingerprints)
    if role:
        raise CheckpointError(
            f"{folder} was trained with another {role}: '{getattr(info.bridge, role)}', here "
            f"'{getattr(bridge.config, role)}'. Give the same --{role}, or start from another checkpoint."
        )
    maps_sentences = info.bridge.maps_sentences
    for name in (*SHAPING_OPTIONS, *(SENTENCE_OPTIONS if maps_sentences else ())):
        theirs, ours = getattr(info.bridge, name), getattr(bridge.config, name)
        if theirs != ours:
            raise CheckpointError(
                f"{folder} was trained with {name} {theirs!r}, and this training has {ours!r}. "
                f"Give the same --{name.replace('_', '-')}, or start from another checkpoint."
            )
    _load_tensors(folder, bridge, left_out=() if maps_sentences else ("sentence.",))


def _check_config(folder: Path) -> None:
    """Refuse options that the tensors were not trained with, before anything of their size is built.

    A file of tensors without a note was written before there was one; nothing is known of its options.
    """
    note = read_note(folder / TENSORS)
    if note and note != _digest(_read_json(folder / CONFIG)):
        raise CheckpointError(
            f"{folder / CONFIG} is not the one that {TENSORS} was saved with: it was changed, or one of the "
            f"two is another checkpoint's. {COPY_AGAIN}"
        )


def _digest(config: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def other_model(info: CheckpointInfo, fingerprints: dict[str, str]) -> str | None:
    """Return the role of the frozen model that is not the one a checkpoint was trained with, if any."""
    return next((r for r in ("encoder", "llm") if info.fingerprints.get(r) != fingerprints[r]), None)


def _check_input(info: CheckpointInfo, fingerprints: dict[str, str]) -> None:
    """Refuse a frozen model of the same weights that would read the same text, or prompt, as other tokens.

    Checkpoints from before there were these fingerprints have none; nothing is known of their prompts.
    """
    for role, parts in (("encoder", "the rules"), ("llm", "the chat template, the rules")):
        name = f"{role}_input"
        if info.fingerprints.get(name, fingerprints.get(name)) != fingerprints.get(name):
            raise CheckpointError(
                f"{info.folder} was trained when the tokenizer of '{getattr(info.bridge, role)}' made other "
                f"tokens of a text: {parts} or the special tokens were changed since. Put the model's files "
                "back as they were, or train anew."
            )


def _load_tensors(folder: Path, bridge: FusionBridge, left_out: tuple[str, ...] = ()) -> None:
    expected = {
        name: tuple(value.shape)
        for name, value in bridge.trained_state().items()
        if not name.startswith(left_out)
    }
    tensors, _ = read_tensors(folder / TENSORS, expected)
    bridge.load_state_dict(tensors, strict=False)


def _write_metrics(info: CheckpointInfo) -> None:
    write_json(info.folder / METRICS, info.metrics)
    write_atomically(info.folder / CARD, render_card(info).encode())


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise CheckpointError(f"{path} is too large to be a checkpoint's file. {COPY_AGAIN}")
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing. {COPY_AGAIN}") from None
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path} is not valid JSON. {COPY_AGAIN}") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} does not hold a JSON object. {COPY_AGAIN}")
    return value
