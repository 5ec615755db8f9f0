"""Nobody meets another one's texts: not in answers, sessions or files, and not in the log."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gradio_client import Client

from fusion_demo.session import Session

ROOT = Path(__file__).resolve().parents[1]
PRIVATE = "zebrawhisper"


def upload(address, name, text):
    part = f'Content-Disposition: form-data; name="files"; filename="{name}"'
    body = f"--x\r\n{part}\r\n\r\n{text}\r\n--x--\r\n".encode()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    request = urllib.request.Request(f"{address}gradio_api/upload", body, headers)
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)[0]


def test_each_of_many_at_once_gets_the_answer_to_its_own_text(page_address, tiny_checkpoints):
    session = Session(tiny_checkpoints)
    texts = [f"story {number} of {'x' * number}" for number in range(12)]
    client = Client(page_address, verbose=False)

    def ask(text):
        return client.predict(task="news", text=text, checkpoint="news-second", api_name="/classify")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, texts))
    for text, answer in zip(texts, answers, strict=True):
        expected = session.classify(text, "news", "news-second")
        assert answer["tokens"] == [token.text for token in expected.tokens]
        assert answer["scores"] == pytest.approx(expected.scores, abs=1e-6)


@pytest.mark.parametrize("slow", ["sends half of a question", "never reads the answer"])
def test_slow_clients_keep_nobody_waiting(page_address, slow):
    server = urlsplit(page_address)
    question = json.dumps({"data": ["news", "a slow story"]}).encode()
    head = (
        f"Host: {server.netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(question)}\r\n\r\n"
    )
    post = f"POST /gradio_api/call/classify HTTP/1.1\r\n{head}".encode() + question
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(socket.create_connection((server.hostname, server.port), 60))
            if slow == "sends half of a question":
                connection.sendall(post[: -len(question) // 2])
                continue
            connection.sendall(post)
            reply = connection.recv(10_000)
            while b"}" not in reply:
                reply += connection.recv(10_000)
            event = json.loads(reply.rpartition(b"\r\n")[2])["event_id"]
            connection.sendall(
                f"GET /gradio_api/call/classify/{event} HTTP/1.1\r\nHost: {server.netloc}\r\n\r\n".encode()
            )
        answer = Client(page_address, verbose=False).submit(task="news", text=PRIVATE, api_name="/classify")
        assert sum(answer.result(timeout=60)["scores"].values()) == pytest.approx(1, abs=1e-4)


def test_the_page_that_a_visitor_opens_holds_nothing_of_the_last_one(page_address):
    client = Client(page_address, verbose=False)
    client.predict(task="news", text=PRIVATE, api_name="/classify")
    for path in ("", "config", f"?tab=classify&text={PRIVATE}"):
        with urllib.request.urlopen(page_address + path) as reply:
            assert PRIVATE.encode() not in reply.read()


@pytest.fixture
def program(tiny_checkpoints, tmp_path):
    """The program as a user starts it, with its address, its folder for files and all that it prints."""
    folder, printed = tmp_path / "temporary", tmp_path / "printed.txt"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "GRADIO_TEMP_DIR"}
    with printed.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--checkpoints", str(tiny_checkpoints), "--host", "127.0.0.1"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
        )
    try:
        deadline = time.monotonic() + 120
        while "http://127.0.0.1:" not in printed.read_text() and time.monotonic() < deadline:
            time.sleep(0.2)
        address = next(word for word in printed.read_text().split() if word.startswith("http://127.0.0.1:"))
        yield process, address.rstrip("/") + "/", folder, printed
    finally:
        process.kill()
        process.wait(timeout=60)


def test_uploads_are_private_and_go_with_the_program_and_the_log_holds_no_text(program):
    process, address, folder, printed = program
    client = Client(address, verbose=False)
    with urllib.request.urlopen(address) as page:
        assert b"Fusion Demo" in page.read()
    client.predict(task="news", text=f"{PRIVATE} answered", api_name="/classify")
    client.predict(task="news", texts=[PRIVATE, ""], api_name="/classify_many")
    refused = (
        {"task": PRIVATE, "text": "a", "api_name": "/classify"},
        {"task": "news", "text": PRIVATE, "checkpoint": PRIVATE, "api_name": "/classify"},
        {"task": "news", "text": PRIVATE * 1000, "api_name": "/classify"},
        {"task": "news", "text": PRIVATE, "lanes": [{"system": PRIVATE, PRIVATE: 1}], "api_name": "/compare"},
        {"task": "news", "texts": [PRIVATE, 5], "api_name": "/classify_many"},
    )
    for asked in refused:
        with pytest.raises(Exception, match=r"."):
            client.predict(**asked)
    with urllib.request.urlopen(f"{address}?tab={PRIVATE}&text={PRIVATE}") as reply:
        assert reply.status == 200
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{address}gradio_api/file={PRIVATE}")

    kept = Path(upload(address, "texts.csv", f"text\n{PRIVATE}\n"))
    (own,) = folder.glob("fusion-demo-*")
    assert kept.is_relative_to(own)
    assert own.stat().st_mode & 0o777 == 0o700
    process.terminate()
    process.wait(timeout=60)
    assert not own.exists()
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in left if PRIVATE in path.read_text("latin-1")]
    assert PRIVATE not in printed.read_text()
