"""Write requirements.lock: all that requirements.txt brings, with the SHA-256 of each file. `make lock`.

Torch is left out, and what it needs on GPUs alone: some of its builds of one version want those gigabytes and
others do not, and of several files with known hashes pip takes whichever it likes. `make demo` lets pip
choose torch as it does without a lock.
"""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS, LOCK = ROOT / "requirements.txt", ROOT / "requirements.lock"
HEADER = "# Written by `make lock` from requirements.txt, for Python 3.11 and newer on every system.\n"
LEFT_OUT = ("torch==", "triton==", "cuda-", "nvidia-")


def blocks(text: str) -> list[str]:
    """Return the requirements of a list, each with its hashes.

    Example: a line "a==1" with two lines of hashes, a line "b==2" with one -> two strings.
    """
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith((" ", "\t")):
            found[-1] += line
        elif line.strip() and not line.startswith("#"):
            found.append(line)
    return found


def lock(resolved: str) -> str:
    """Return the lock file for what a resolver wrote."""
    return HEADER + "".join(block for block in blocks(resolved) if not block.startswith(LEFT_OUT))


def main() -> None:
    """Resolve with uv, which must be installed, and write the lock file."""
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"]
    done = subprocess.run(
        [*command, "--no-header", "--no-annotate", "--quiet", str(REQUIREMENTS)],
        capture_output=True,
        text=True,
        check=True,
    )
    LOCK.write_text(lock(done.stdout), encoding="utf-8")


if __name__ == "__main__":
    main()
