"""Coverage-guided fuzzing with atheris: `python -m tests.fuzz upload -max_total_time=600`.

The first argument names a target of `targets.py`, or is `all`; the others are libFuzzer's. What it finds is
printed and kept in a file, and the status is not 0; `python -m tests.fuzz upload FILE` runs that input again.
"""

import os
import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("The fuzzer needs atheris, which has builds for Linux on x86-64 and Python 3.11 to 3.13.")

from tests.fuzz.fuzzing import either_of, fuzz

with atheris.instrument_imports(include=["fusion_demo"]):
    from tests.fuzz.targets import TARGETS

ALL = "all"


def main(name: str, arguments: list[str]) -> None:
    """Fuzz the target of a name; this ends the process."""
    if name not in (ALL, *TARGETS):
        sys.exit(f"Name one of these first: {', '.join((ALL, *TARGETS))}. Then libFuzzer's options.")
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory(prefix="fusion-demo-fuzz-") as place:
        made = []
        for known in TARGETS if name == ALL else [name]:
            folder = Path(place) / known
            folder.mkdir()
            made.append(TARGETS[known](folder))
        fuzz(either_of(made) if name == ALL else made[0], arguments, Path(place))


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "", sys.argv[2:])
