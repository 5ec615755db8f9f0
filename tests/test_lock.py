"""requirements.lock holds all that requirements.txt brings, and a hash of every file of it."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = (ROOT / "requirements.txt").read_text("utf-8").splitlines()


def load_script():
    spec = importlib.util.spec_from_file_location("lock", ROOT / "docs" / "lock.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()
BLOCKS = SCRIPT.blocks(SCRIPT.LOCK.read_text("utf-8"))


def locked() -> dict[str, str]:
    """Name -> version of the lines that hold here, on this system and Python."""
    requirements = [Requirement(block.partition("\\")[0].strip()) for block in BLOCKS]
    here = [line for line in requirements if line.marker is None or line.marker.evaluate()]
    return {canonicalize_name(line.name): str(line.specifier).removeprefix("==") for line in here}


def closure(names):
    """The installed packages that others of these names bring."""
    found, waiting = set(), list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(needed.name)
    return found


def test_every_requirement_is_locked_at_its_version():
    pinned = locked()
    for line in REQUIREMENTS:
        if not line.startswith(SCRIPT.LEFT_OUT):
            name, version = line.split("==")
            assert pinned[canonicalize_name(name)] == version


def test_all_that_they_bring_is_locked_at_the_version_that_is_installed():
    names = [line.split("==")[0] for line in REQUIREMENTS]
    pinned = locked()
    for name in closure(names):
        if not f"{name}==".startswith(SCRIPT.LEFT_OUT):
            installed = importlib.metadata.version(name).partition("+")[0]
            assert pinned.get(name) == installed, name


def test_every_line_has_hashes_and_no_address():
    for block in BLOCKS:
        head, *hashes = [line.strip(" \\\n") for line in block.splitlines()]
        assert hashes, head
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), head
        assert "://" not in head


def test_torch_and_what_it_needs_on_gpus_alone_are_left_out():
    resolved = (
        "nvidia-nccl-cu13==2.29 ; sys_platform == 'linux' \\\n    --hash=sha256:01\n"
        "torch==2.13.0 \\\n    --hash=sha256:02 \\\n    --hash=sha256:03\n"
        "tqdm==4.70.1 \\\n    --hash=sha256:04\n"
        "triton==3.7.1 \\\n    --hash=sha256:05\n"
    )
    assert SCRIPT.lock(resolved) == SCRIPT.HEADER + "tqdm==4.70.1 \\\n    --hash=sha256:04\n"
