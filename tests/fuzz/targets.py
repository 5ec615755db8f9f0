"""What is fuzzed: whatever takes text, bytes or JSON from outside, each as a call with a string of bytes.

A call answers or refuses in one sentence. Anything else that it raises is a find.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from app import build_demo
from fusion_demo.chat import Message
from fusion_demo.chat.messages import check_messages
from fusion_demo.checkpoint import CONFIG, read_checkpoint_info
from fusion_demo.input_text import longest_text, readable_text
from fusion_demo.many_texts import MAX_ROWS, read_lines, read_upload
from fusion_demo.session import Session
from fusion_demo.settings import PREFIX, read_settings
from fusion_demo.training_figure import training_figure
from fusion_demo.training_log import LOG, STATUS, read_run
from fusion_demo.ui.links import notice_html, read_link
from tests.conftest import write_tiny_checkpoint
from tests.fuzz.fuzzing import Target
from tests.test_any_input import PARAMETERS, asked

FIELDS = (("text",), ("premise", "hypothesis"))
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def text_target(folder: Path) -> Target:
    """A text that is typed."""

    def call(data: bytes) -> None:
        text = data.decode("utf-8", "surrogatepass" if data[:1] == b"s" else "replace")
        read = asked(lambda: readable_text(text))
        if read is not None:
            clean, removed = read
            assert 0 < len(clean) <= longest_text()
            assert removed >= 0
            assert readable_text(clean) == (clean, 0), "what was cleaned is clean"

    def whatever(data: bytes) -> None:
        with ignored(UnicodeDecodeError):
            call(data)

    return Target(whatever, ["සිංහල".encode(), "s\u200d\u202eab\0".encode(), b"e" + "\u0301".encode() * 9])


def lines_target(folder: Path) -> Target:
    """Lines that are pasted."""

    def call(data: bytes) -> None:
        fields = FIELDS[data[:1] == b"2"]
        rows = asked(lambda: read_lines(data[1:].decode("utf-8", "replace"), fields))
        assert rows is None or (
            0 < len(rows) <= MAX_ROWS and all(row.problem or len(row.texts) == len(fields) for row in rows)
        )

    return Target(call, [b"1one\ntwo\r\n\nthree", b"2one\ttwo\nthree | four\nfive"])


def upload_target(folder: Path) -> Target:
    """A file that is uploaded: its kind, its task and its bytes."""

    def call(data: bytes) -> None:
        kind = data[0] if data else 0
        fields = FIELDS[kind // 4 % 2]
        upload = asked(lambda: read_upload("f" + ENDINGS[kind % 4], data[1:], fields))
        assert upload is None or (
            0 < len(upload.rows) <= MAX_ROWS
            and all(row.problem or len(row.texts) == len(fields) for row in upload.rows)
        )

    return Target(
        call,
        [
            b'\x00text,other\n"a ""b""\nc",d\n',
            b"\x01Text\tother\na\tb\n",
            b'\x02{"text": "a"}\n{"text": "b", "n": [1]}\n',
            b"\x04\xef\xbb\xbfpremise;hypothesis\r\na;b\r\n",
            b'\x07{"premise": "a", "hypothesis": "b"}\n',
        ],
    )


def conversation_target(folder: Path) -> Target:
    """The messages of a conversation, as JSON."""

    def call(data: bytes) -> None:
        values = read_json(data)
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            return
        with ignored(TypeError):  # other names than those of a message
            messages = [Message(**value) for value in values]
            checked = asked(lambda: check_messages(messages))
            assert checked is None or len(checked[0]) == len(messages)

    said = [{"role": "user", "text": "a", "echo": "b"}, {"role": "assistant", "text": "c"}]
    return Target(call, [json.dumps([*said, {"role": "user", "text": "d"}]).encode(), b"[]"])


def endpoints_target(folder: Path) -> Target:
    """The arguments of an endpoint, as JSON; the first byte says of which. Tiny models answer."""
    write_tiny_checkpoint(folder / "news-first", fusion="transformer-softmax", task="news", dev=0.5)
    write_tiny_checkpoint(folder / "pairs", fusion="global-softmax", task="xnli", dev=0.5)
    write_tiny_checkpoint(folder / "echo-first", fusion="transformer-softmax", task="echo", loss=0.5)
    demo = build_demo(Session(folder))
    functions = {fn.api_name: fn.fn for fn in demo.fns.values() if fn.api_name in PARAMETERS}
    names = list(PARAMETERS)

    def call(data: bytes) -> None:
        values = read_json(data[1:])
        if isinstance(values, dict):
            name = names[data[0] % len(names)]
            given = {key: value for key, value in values.items() if key in PARAMETERS[name]}
            answer = asked(lambda: functions[name](**PARAMETERS[name] | given), gr.Error)
            json.dumps(answer, allow_nan=False)

    seeds = [bytes([i]) + json.dumps(PARAMETERS[name]).encode() for i, name in enumerate(names)]
    return Target(call, seeds)


def link_target(folder: Path) -> Target:
    """The parameters of a link, as JSON."""
    write_tiny_checkpoint(folder / "news-first", fusion="last-layer", task="news", dev=0.5)
    session = Session(folder)

    def call(data: bytes) -> None:
        values = read_json(data)
        if isinstance(values, dict):
            query = {key: value for key, value in values.items() if isinstance(value, str)}
            state = read_link(query, ["chat", "classify"], session)
            assert state.tab in (None, "chat", "classify")
            assert state.checkpoint in (None, "news-first")
            shown = notice_html(state.notices)
            assert shown.count("<") == 2 * (1 + min(len(state.notices), 5)), "nothing of a link is markup"

    link = {"tab": "classify", "task": "news", "checkpoint": "news-first", "text": "a", "second": "b"}
    return Target(call, [json.dumps(link).encode(), b'{"task": "<b>", "checkpoint": "../x"}'])


def checkpoint_target(folder: Path) -> Target:
    """The description of a checkpoint."""
    write_tiny_checkpoint(folder / "news-first", fusion="transformer-softmax", task="news", dev=0.5)
    config = folder / "news-first" / CONFIG
    whole = config.read_bytes()

    def call(data: bytes) -> None:
        config.write_bytes(data)
        info = asked(lambda: read_checkpoint_info(config.parent), begins="/")
        assert info is None or info.bridge.fusion

    return Target(call, [whole])


def training_target(folder: Path) -> Target:
    """A training's log and its status behind an empty line. Whatever they hold, the page shows something."""
    status = {
        "state": "running",
        "command": "python -m train_cli train",
        "task": "news",
        "fusion": "last-layer",
        "phase": "training",
        "update": 3,
        "updates": 9,
        "started": "2026-01-01T10:00:00+00:00",
        "heartbeat": "2026-01-01T11:59:58+00:00",
    }
    log = [
        {"update": 1, "seconds": 2.5, "loss": 3.5, "learning_rate": 0.1},
        {"update": 2, "seconds": 3.5, "loss": float("nan")},
        {"update": 3, "dev": {"en": {"accuracy": 0.5, "n": 10}, "si": {"loss": 1.5, "n": 3}}},
        {"warm_start": {"update": 1, "loss": 0.5}},
    ]

    def call(data: bytes) -> None:
        lines, _, state = data.partition(b"\n\n")
        (folder / LOG).write_bytes(lines)
        (folder / STATUS).write_bytes(state)
        run = read_run(folder, NOON)
        if (figure := training_figure([run])) is not None:
            figure.to_json()

    written = "\n".join(map(json.dumps, log)) + "\n\n" + json.dumps(status)
    return Target(call, [written.encode(), b"\n\n", written.encode()[:150]])


def settings_target(folder: Path) -> Target:
    """The environment variables of the page, a line each."""

    def call(data: bytes) -> None:
        pairs = [line.partition("=") for line in data.decode("utf-8", "replace").splitlines()]
        variables = {PREFIX + name: value for name, _, value in pairs}
        read = asked(lambda: read_settings("", [], variables), begins="'")
        assert read is None or 0 <= read.port < 2**16

    return Target(call, [b"PORT=7860\nSHARE=yes\nCHECKPOINTS=a", b"QUEUE_LENGTH=5\nMAX_CHARACTERS=100"])


@contextmanager
def ignored(error: type[Exception]) -> Iterator[None]:
    """Pass over an input that cannot come from outside."""
    try:
        yield
    except error:
        return


def read_json(data: bytes) -> Any:
    """Return the value that the bytes are the JSON of; None if they are none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


TARGETS = {
    "text": text_target,
    "lines": lines_target,
    "upload": upload_target,
    "conversation": conversation_target,
    "endpoints": endpoints_target,
    "link": link_target,
    "checkpoint": checkpoint_target,
    "training": training_target,
    "settings": settings_target,
}
"""Name → what makes a target; it gets an empty folder."""
