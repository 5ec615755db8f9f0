"""How a target is fuzzed, with atheris."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import atheris

LONGEST = 4_000
"""Bytes of an input."""


@dataclass(frozen=True)
class Target:
    """Something to fuzz.

    Attributes:
        call: Takes any bytes.
        seeds: What the fuzzer starts from: inputs that are answered.
    """

    call: Callable[[bytes], None]
    seeds: list[bytes]


def fuzz(target: Target, arguments: list[str], folder: Path) -> None:
    """Run a target until it fails or the arguments say that it is enough; this ends the process.

    Args:
        target: What is run.
        arguments: Options of libFuzzer, or files whose bytes are to be run.
        folder: Where the inputs are kept that lead to new code; gone afterwards, if the caller so wishes.
    """
    if all(argument.startswith("-") for argument in arguments):
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(target.seeds):
            (corpus / str(number)).write_bytes(seed)
        arguments = [*arguments, str(corpus)]
    # No limit of memory: libFuzzer compares the peak, which a process inherits from the one that started it.
    defaults = [f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=0"]
    atheris.Setup([sys.argv[0], *defaults, *arguments], target.call)
    atheris.Fuzz()


def either_of(targets: list[Target]) -> Target:
    """Return a target whose first byte chooses one of these."""

    def call(data: bytes) -> None:
        if data:
            targets[data[0] % len(targets)].call(data[1:])

    seeds = [bytes([number]) + seed for number, target in enumerate(targets) for seed in target.seeds]
    return Target(call, seeds)
