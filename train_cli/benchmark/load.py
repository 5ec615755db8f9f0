"""`benchmark load`: many users of the page at once, who chat, classify and compare; some of them leave."""

import argparse
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy import stats

from fusion_demo.errors import ConfigError
from fusion_demo.settings import Settings
from train_cli.arguments import count
from train_cli.benchmark.memory import resident_bytes
from train_cli.benchmark.start import (
    ANSWER_TOKENS,
    PATIENCE,
    TEXT,
    add_checkpoints_argument,
    ask,
    call,
    can_chat,
    chat,
    first_task,
    page_process,
    send,
    wait_until_served,
)

KINDS = ("classify", "compare", "chat", "leave")
"""What a user does next, each as likely: the last asks, and closes the connection before the answer."""

PAUSE_SECONDS = (0.5, 2.0)
"""How long a user waits after an answer, and after a "busy"."""
SAMPLE_SECONDS = 1.0
HELD_SECONDS = 30.0
"""The least of so many seconds is what is held: an answer in the making adds a hundred MB for a moment."""
MOST_MINUTES = 24 * 60
WARM_UP = 0.25
"""Fraction of the time whose memory does not count: buffers grow to their size in it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark load`."""
    parser.set_defaults(repeats=1)
    parser.add_argument("--users", type=count(1), default=64, metavar="N", help="users at once (default: 64)")
    parser.add_argument(
        "--minutes", type=_minutes, default=10.0, metavar="N", help="how long they stay (default: 10)"
    )
    add_checkpoints_argument(parser)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Start the page, let the users come, and count what becomes of their requests.

    Raises:
        ConfigError: the page does not start or does not answer.
    """
    task = first_task(arguments.checkpoints)
    with page_process(arguments.checkpoints) as (process, address, began):
        wait_until_served(process, address, began)
        ask(address, task)
        if can_chat(arguments.checkpoints):
            chat(address)
        # All is loaded now, so the time is that of the answers.
        end = time.monotonic() + 60 * arguments.minutes
        visits: list[dict[str, Any]] = []
        samples: list[tuple[float, float]] = []
        with ThreadPoolExecutor(arguments.users + 1) as pool:
            watched = pool.submit(_watch, process.pid, end, samples)
            users = [
                pool.submit(_use, address, task, random.Random(f"{arguments.seed} {number}"), end, visits)
                for number in range(arguments.users)
            ]
            for done in (*users, watched):
                done.result()
        ask(address, task)  # the page is still there
    return {
        "users": arguments.users,
        "minutes": arguments.minutes,
        "queue_length": Settings().queue_length,
        "answer_tokens": ANSWER_TOKENS,
        "kinds": {kind: _counts([visit for visit in visits if visit["kind"] == kind]) for kind in KINDS},
        "first_token": _quantiles([visit["first_token"] for visit in visits if "first_token" in visit]),
        "problems": sorted({visit["problem"] for visit in visits if visit["outcome"] == "failed"})[:10],
        "memory": memory_trend(samples),
    }


def memory_trend(samples: list[tuple[float, float]]) -> dict[str, float | None]:
    """Return how a process's memory went.

    Args:
        samples: Seconds since the start, resident bytes.

    Returns:
        The bytes at the first `start` and the last `end`, the `peak`, and the slopes of two lines behind the
        warm-up, in bytes a minute: `bytes_per_minute` through all samples, and `held_per_minute` through the
        least of each `HELD_SECONDS`, with its 95 % interval, `held_low` to `held_high`; None of a short time.

    Example: 0 s 10, 60 s 20, 120 s 30 with no warm-up -> 10 bytes a minute.
    """
    seconds, memory = np.array(samples, dtype=float).T
    counted = seconds >= WARM_UP * seconds[-1]
    windows = seconds // HELD_SECONDS
    whole = [w for w in np.unique(windows)[:-1] if w * HELD_SECONDS >= WARM_UP * seconds[-1]]
    least = [memory[windows == window].min() for window in whole]
    trend: dict[str, float | None] = {
        "start": float(memory[0]),
        "end": float(memory[-1]),
        "peak": float(memory.max()),
        "bytes_per_minute": _per_minute(seconds[counted], memory[counted])[0],
        "held_per_minute": None,
        "held_low": None,
        "held_high": None,
    }
    if len(least) > 2:
        slope, margin = _per_minute(np.array(whole) * HELD_SECONDS, np.array(least))
        trend |= {"held_per_minute": slope, "held_low": slope - margin, "held_high": slope + margin}
    return trend


def _per_minute(seconds: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return the slope of the line through values, and half of its 95 % interval (Student's t)."""
    if len(seconds) < 3:
        return 0.0, 0.0
    line = stats.linregress(seconds, values)
    return 60 * float(line.slope), 60 * float(line.stderr * stats.t.ppf(0.975, len(seconds) - 2))


def _minutes(text: str) -> float:
    if not 0 < (number := float(text)) <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"must be above 0, and at most {MOST_MINUTES}")
    return number


def _use(address: str, task: str, chance: random.Random, end: float, visits: list[dict[str, Any]]) -> None:
    """Be one user until the end; what becomes of each request is added to `visits`."""
    while time.monotonic() < end:
        kind = chance.choice(KINDS)
        began = time.perf_counter()
        visit: dict[str, Any] = {"kind": kind, "outcome": "answered"}
        try:
            answer = ASK[kind](address, task)
            visit["seconds"] = time.perf_counter() - began
            if kind == "chat":
                timings = answer["timings"]
                writing = (timings["tokens_out"] - 1) * timings["token_milliseconds"] / 1000
                visit["first_token"] = visit["seconds"] - writing
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            visit |= {
                "outcome": "busy" if error.code == 503 and "full" in said else "failed",
                "problem": said,
            }
        except (OSError, ConfigError) as error:
            visit |= {"outcome": "failed", "problem": f"{type(error).__name__}: {error}"}
        visits.append(visit)
        time.sleep(chance.uniform(*PAUSE_SECONDS))


def _compare(address: str, task: str) -> Any:
    return call(address, "compare", task=task, text=TEXT, lanes=[{"system": "llm-alone"}])


def _chat(address: str, _: str) -> Any:
    return chat(address)


def _leave(address: str, task: str) -> None:
    """Ask, begin to listen, and go: the answer has nobody to go to."""
    urllib.request.urlopen(send(address, "classify", task=task, text=TEXT), timeout=PATIENCE).close()


ASK: dict[str, Callable[[str, str], Any]] = {
    "classify": ask,
    "compare": _compare,
    "chat": _chat,
    "leave": _leave,
}


def _watch(process: int, end: float, samples: list[tuple[float, float]]) -> None:
    began = time.monotonic()
    while (now := time.monotonic()) < end or not samples:
        samples.append((now - began, float(resident_bytes("VmRSS", str(process)))))
        time.sleep(min(SAMPLE_SECONDS, max(0.0, end - now)))


def _counts(visits: list[dict[str, Any]]) -> dict[str, Any]:
    outcomes = [visit["outcome"] for visit in visits]
    return {
        **{outcome: outcomes.count(outcome) for outcome in ("answered", "busy", "failed")},
        "seconds": _quantiles([visit["seconds"] for visit in visits if "seconds" in visit]),
    }


def _quantiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return dict(zip(("median", "p95"), np.quantile(values, [0.5, 0.95]).tolist(), strict=True))
