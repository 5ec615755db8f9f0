"""A Python with packages that are not among the project's requirements, over what is installed."""

import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def python_with(requirements: str, folder: Path) -> Path:
    """Make a virtual environment in an empty folder; what is installed elsewhere stays as it is.

    The test is skipped where the packages cannot be fetched.

    Args:
        requirements: Name of a list of requirements in the project's folder.
        folder: Where the environment goes.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    packages = next(folder.glob("lib/*/site-packages"))
    (packages / "installed.pth").write_text(sysconfig.get_path("purelib"))
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-r", ROOT / requirements], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the packages cannot be fetched here: {done.stderr.strip().splitlines()[-1]}")
    return python
