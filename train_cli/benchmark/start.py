"""`benchmark start`: import, start of the page, resident memory, installed size; each with a budget."""

import argparse
import importlib.metadata
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fusion_demo.chat import CHAT_TASKS
from fusion_demo.errors import ConfigError
from fusion_demo.pretrained.cache import cache_folder
from train_cli.benchmark.memory import resident_bytes
from train_cli.benchmark.rounds import summary

BUDGETS: dict[str, tuple[str, float]] = {
    "import": ("s", 10.0),
    "first page, cold": ("s", 40.0),
    "first page, warm": ("s", 20.0),
    "first answer, cold": ("s", 60.0),
    "first answer, warm": ("s", 30.0),
    "resident, idle": ("MB", 2700.0),
    "resident, after an answer": ("MB", 2800.0),
    "installed packages": ("MB", 2200.0),
}
"""What is measured → its unit, and how much it may be: on a machine of two cores, with room for its noise."""

LIBRARY = "fusion_demo.session"
"""The module whose import brings all that the page and a program use."""

ROOT = Path(__file__).resolve().parents[2]
TEXT = "ශ්‍රී ලංකා කණ්ඩායම තරගය ජයගත්තේය"
ANSWER_TOKENS = 16
PATIENCE = 600.0
"""Seconds until a page that does not answer is given up."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark start`."""
    parser.set_defaults(repeats=3)
    add_checkpoints_argument(parser)
    parser.add_argument(
        "--check", action="store_true", help="fail with status 2 if a median is over its budget"
    )


def add_checkpoints_argument(parser: argparse.ArgumentParser) -> None:
    """Declare which page is started."""
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=ROOT / "checkpoints",
        metavar="FOLDER",
        help="whose models answer (default: the shipped ones)",
    )


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Import the library and start the page, cold and warm, as often as there are rounds.

    Raises:
        ConfigError: the page does not start or does not answer.
    """
    first_task(arguments.checkpoints)  # refuses a folder that cannot be asked before anything is started
    found: dict[str, list[float]] = {name: [] for name in BUDGETS}
    for _ in range(arguments.repeats):
        found["import"].append(import_seconds(LIBRARY) - import_seconds("sys"))
        for kind in ("cold", "warm"):
            if kind == "cold":
                forget_files([*package_folders(), cache_folder(), arguments.checkpoints])
            page = start_page(arguments.checkpoints)
            found[f"first page, {kind}"].append(page["page"])
            found[f"first answer, {kind}"].append(page["answer"])
        found["resident, idle"].append(page["idle"] / 1e6)
        found["resident, after an answer"].append(page["after"] / 1e6)
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    found["installed packages"] = [installed_bytes([line.partition("==")[0] for line in requirements]) / 1e6]
    return {
        "budgets": {
            name: {**summary(values), "unit": BUDGETS[name][0], "budget": BUDGETS[name][1]}
            for name, values in found.items()
        }
    }


def import_seconds(module: str) -> float:
    """Return how long a fresh interpreter takes to start and import a module."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], cwd=ROOT, check=True)
    return time.perf_counter() - began


def start_page(checkpoints: Path) -> dict[str, float]:
    """Start the page in a process of its own, ask it once, and end it.

    Returns:
        Seconds from the start until the `page` is served and until a text is classified (`answer`); resident
        bytes `idle`, when it has classified, and chatted if it can, and `after` it did so again.

    Raises:
        ConfigError: the page ended by itself or did not answer.
    """
    task, chats = first_task(checkpoints), can_chat(checkpoints)

    def use() -> None:
        ask(address, task)
        if chats:
            chat(address)

    with page_process(checkpoints) as (process, address, began):
        wait_until_served(process, address, began)
        served = time.perf_counter() - began
        ask(address, task)  # waits until the models are loaded
        answered = time.perf_counter() - began
        use()  # what writes answers is made when the first one is written
        idle = resident_bytes("VmRSS", str(process.pid))
        use()
        return {
            "page": served,
            "answer": answered,
            "idle": float(idle),
            "after": float(resident_bytes("VmRSS", str(process.pid))),
        }


def wait_until_served(process: subprocess.Popen, address: str, began: float) -> None:
    """Wait until the page that a process serves can be opened.

    Raises:
        ConfigError: the process ended by itself, or the page did not answer in time.
    """
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            _check_alive(process, began)
            time.sleep(0.02)


@contextmanager
def page_process(checkpoints: Path) -> Iterator[tuple[subprocess.Popen, str, float]]:
    """Run app.py on a free port; give the process, its address and when it was started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", f"--checkpoints={checkpoints.absolute()}", f"--port={port}"]
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--host=127.0.0.1"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, f"http://127.0.0.1:{port}", began
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def ask(address: str, task: str) -> dict[str, Any]:
    """Classify a text through the page's API, and return the answer.

    Raises:
        ConfigError: the page answered with an error.
    """
    return call(address, "classify", task=task, text=TEXT)


def chat(address: str) -> dict[str, Any]:
    """Let the page answer a message, and return the answer.

    Raises:
        ConfigError: the page answered with an error.
    """
    return call(address, "chat", message=TEXT, max_new_tokens=ANSWER_TOKENS)


def call(address: str, endpoint: str, **values: Any) -> Any:
    """Call an endpoint of the page, and return its answer.

    Raises:
        ConfigError: the page answered with an error.
        OSError: it did not answer, or refused the call, as it does when its queue is full (HTTP 503).
    """
    with urllib.request.urlopen(send(address, endpoint, **values), timeout=PATIENCE) as reply:
        said = reply.read().decode()
    match = re.search(r"^event: complete\ndata: (.*)$", said, re.MULTILINE)
    if not match:
        raise ConfigError(f"The page did not answer: {said[-300:]!r}. Start it by hand: python app.py")
    return json.loads(match[1])[0]


def send(address: str, endpoint: str, **values: Any) -> str:
    """Put a call into the page's queue, and return the address at which its answer will be.

    Raises:
        OSError: as for `call`.
    """
    url = f"{address}/gradio_api/call/v2/{endpoint}"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(values).encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        return f"{url}/{json.load(reply)['event_id']}"


def first_task(checkpoints: Path) -> str:
    """Return the task of the first checkpoint that classifies single texts.

    Raises:
        ConfigError: there is none.
    """
    for task in _tasks(checkpoints):
        if task in ("news", "sib200", "reviews"):
            return task
    raise ConfigError(f"There is no checkpoint in {checkpoints} that classifies texts. Give --checkpoints.")


def can_chat(checkpoints: Path) -> bool:
    """Return whether there is a checkpoint that chats."""
    return not set(CHAT_TASKS).isdisjoint(_tasks(checkpoints))


def forget_files(folders: list[Path]) -> None:
    """Ask the system to drop the files of these folders from its cache, so that they are read anew.

    Pages that another process has mapped stay. Where the system cannot be asked, "cold" is as warm as "warm".
    """
    if not hasattr(os, "posix_fadvise"):
        return
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                try:
                    descriptor = os.open(path, os.O_RDONLY)
                except OSError:
                    continue
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)


def package_folders() -> list[Path]:
    """Return the folders in which this interpreter's packages lie."""
    return sorted({Path(str(found.locate_file(""))) for found in importlib.metadata.distributions()})


def installed_bytes(names: list[str]) -> int:
    """Return the size of packages and of all that they need, as installed.

    What is needed for an extra alone does not count, nor what is not installed here.
    """
    waiting, seen, total = list(names), set(), 0
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in found.files or []:
            path = Path(str(found.locate_file(file)))
            total += path.stat().st_size if path.is_file() else 0
        for requirement in found.requires or []:
            if "extra ==" not in requirement:
                waiting.append(re.match(r"[\w.-]+", requirement)[0])
    return total


def _tasks(checkpoints: Path) -> list[str]:
    """Return the task of each checkpoint of a folder, in the order of their names."""
    paths = sorted(checkpoints.glob("*/config.json"))
    return [json.loads(path.read_text(encoding="utf-8")).get("task") for path in paths]


def _check_alive(process: subprocess.Popen, began: float) -> None:
    if process.poll() is not None:
        raise ConfigError(f"The page ended by itself: {process.stderr.read()[-500:].strip()}")
    if time.perf_counter() - began > PATIENCE:
        raise ConfigError(f"The page did not answer within {PATIENCE:.0f} seconds. Start it: python app.py")
