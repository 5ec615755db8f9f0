"""The package `spaces` itself, with a server of this test in place of the one that lends GPUs."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from fusion_demo.chat import Message
from fusion_demo.decoding import Decoding
from fusion_demo.layer_session import LayerSession
from fusion_demo.session import Session
from fusion_demo.zero_gpu import DURATION

pytest.importorskip("spaces", reason="requirements-dev.txt has it")

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("program.py")


class Lender(BaseHTTPRequestHandler):
    """Lends one GPU, until there is no quota left."""

    asked: list
    quota: list

    def do_POST(self):
        parts = urlsplit(self.path)
        self.asked.append((parts.path, {name: value for name, (value,) in parse_qs(parts.query).items()}))
        status, body = 200, {}
        if parts.path == "/schedule":
            body = {"idle": True, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "token"}
            if not self.quota:
                status, body = 429, {"left": 3, "wait": 60}
        answer = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def lender():
    handler = type("Handler", (Lender,), {"asked": [], "quota": [True]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    handler.address = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    server.server_close()


@contextmanager
def started(lender, folder, *arguments):
    group = folder / "cgroup"
    group.write_text("0::/test\n")
    variables = {
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": lender.address,
        "ZEROGPU_PROC_SELF_CGROUP_PATH": str(group),
        "ZEROGPU_OFFLOAD_DIR": str(folder / "tensors"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *arguments],
        env=os.environ | variables,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=120)


@pytest.mark.sweep
def test_sessions_on_the_gpu_say_what_a_local_one_says(lender, tmp_path, chat_checkpoints):
    with started(lender, tmp_path, "sessions", str(chat_checkpoints)) as process:
        output = process.stdout.read()
        assert process.wait() == 0, output
    said = json.loads(output.splitlines()[-1])
    assert said["tensors on the GPU"] > 0
    local = Session(chat_checkpoints)
    assert said["scores"] == pytest.approx(local.classify("rain", "news").scores, abs=1e-5)
    (profile,) = LayerSession(local).profiles([["two words"]])
    assert said["weights"] == pytest.approx(profile.profile.weights, abs=1e-5)
    *_, last = local.chat([Message("user", "Hello")], decoding=Decoding(max_new_tokens=12))
    assert said["answer"] == last.answer
    length, done, stopped = said["stopped"]
    assert length < 400
    assert (done, stopped) == (True, True)
    asked = [options for path, options in lender.asked if path == "/schedule"]
    assert {options["durationSeconds"] for options in asked} == {str(DURATION)}
    # Nothing failed, and one process each answers all chats, and all single questions.
    assert [options["fail"] for path, options in lender.asked if path == "/release"] == ["false"] * len(asked)
    assert [path for path, _ in lender.asked].count("/allow") == 2


def test_the_page_answers_and_tells_what_is_refused(lender, tmp_path, chat_checkpoints):
    options = ("--checkpoints", str(chat_checkpoints), "--host", "127.0.0.1")
    with started(lender, tmp_path, "page", *options) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if " is at " in line:
                break
        assert " is at " in lines[-1], "".join(lines)
        assert ("/startup-report", {}) in lender.asked
        client = Client(lines[-1].split(" is at ")[1].split()[0], verbose=False)
        local = Session(chat_checkpoints)
        answer = client.predict("news", "The cup final", api_name="/classify")
        assert answer["scores"] == pytest.approx(local.classify("The cup final", "news").scores, abs=1e-5)
        assert client.predict("ආයුබෝවන්", api_name="/chat")["tokens"]
        with pytest.raises(AppError, match="There is no text to read"):
            client.predict("news", " ", api_name="/classify")
        lender.quota.clear()
        with pytest.raises(AppError, match="ZeroGPU quota exceeded: Space app has reached its GPU limit"):
            client.predict("news", "rain", api_name="/classify")
