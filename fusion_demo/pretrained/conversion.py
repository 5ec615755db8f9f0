"""Convert each embedded model once and know later that the conversion is still right.

A converted folder holds an ordinary Hugging Face model and `manifest.json`:

    {"converter": 2, "source_sha256": "...", "files": {"config.json": {"bytes": 757, "sha256": "..."}, ...}}
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from fusion_demo.pretrained.cache import cache_folder, file_sha256, say, workplace
from fusion_demo.pretrained.embedded import EmbeddedModel
from fusion_demo.pretrained.fetch import fetch_source, source_path

CONVERTER_VERSION = 2
"""Counts changes of what the converters write; a folder of another version is made anew."""

MANIFEST = "manifest.json"


def converted_folder(model: EmbeddedModel) -> Path:
    """Return where a model's converted folder stands, made or not."""
    return cache_folder() / "models" / model.name


def model_state(model: EmbeddedModel) -> str:
    """Return "ready", "damaged" (or outdated), "to convert" or "missing", judged without reading weights."""
    if converted_folder(model).exists():
        return "damaged" if conversion_fault(model) else "ready"
    return "to convert" if source_path(model).exists() else "missing"


def ensure_converted(model: EmbeddedModel) -> Path:
    """Return the model's converted folder; fetch and convert first where that is needed.

    Raises:
        ModelError: the model cannot be fetched or its weights are not the recorded ones.
    """
    folder = converted_folder(model)
    if conversion_fault(model) is None:
        return folder
    with workplace() as partial:
        fault = conversion_fault(model)  # another process may have finished it meanwhile
        if fault is None:
            return folder
        if folder.exists():
            say(f"{fault} Converting it anew ...")
        source = fetch_source(model, partial)
        say(f"Converting {model.name}, once (about a minute) ...")
        made = partial / model.name
        made.mkdir()
        _convert(model, source, made)
        _write_manifest(model, made)
        if folder.exists():
            folder.replace(partial / "replaced")
        folder.parent.mkdir(parents=True, exist_ok=True)
        made.replace(folder)
        say(f"{model.name} is ready in {folder}")
    return folder


def conversion_fault(model: EmbeddedModel, *, check_hashes: bool = False) -> str | None:
    """Return what is wrong with a model's converted folder in a sentence, None if nothing is.

    Args:
        model: Whose folder.
        check_hashes: Read every file and compare its SHA-256; else only sizes are compared.
    """
    folder = converted_folder(model)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        made_by = (manifest["converter"], manifest["source_sha256"])
        files = {name: (entry["bytes"], entry["sha256"]) for name, entry in manifest["files"].items()}
    except FileNotFoundError:
        return f"{model.name} has not been converted yet."
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} of {model.name} is damaged."
    if made_by != (CONVERTER_VERSION, model.sha256):
        return f"{model.name} was converted from another source or by another version."
    for name, (size, sha256) in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            return f"{name} of {model.name} is missing or cut short."
        if check_hashes and file_sha256(path) != sha256:
            return f"{name} of {model.name} is damaged: its SHA-256 is not the one noted when it was made."
    return None


def _convert(model: EmbeddedModel, source: Path, folder: Path) -> None:
    # Imported here, since transformers takes seconds and a ready model needs no converter.
    from fusion_demo.pretrained.convert_encoder import convert_encoder
    from fusion_demo.pretrained.convert_llm import convert_llm
    from fusion_demo.pretrained.quiet import quiet_transformers

    # The GGUF reader draws a bar of its own, wherever it is shown.
    hidden = contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
    with quiet_transformers(), hidden:
        (convert_encoder if model.role == "encoder" else convert_llm)(source, folder)


def _write_manifest(model: EmbeddedModel, folder: Path) -> None:
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in sorted(folder.iterdir())
    }
    manifest = {"converter": CONVERTER_VERSION, "source_sha256": model.sha256, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
