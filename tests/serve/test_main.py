"""`python -m serve`, as a user starts it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

ROOT = Path(__file__).resolve().parents[2]


def start(*arguments):
    command = [sys.executable, "-m", "serve", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def server(chat_checkpoints):
    server = start("--replicas", "2", "--threads", "1", "--checkpoints", str(chat_checkpoints))
    yield server
    server.terminate()
    server.communicate(timeout=120)


def test_the_page_answers_and_leaves_nothing_behind(server):
    lines = iter(server.stdout.readline, "")
    address = next(line for line in lines if " is at " in line).split(" is at ")[1].split()[0]
    client = Client(address, verbose=False)
    answer = client.predict("news", "The cup final", api_name="/classify")
    assert answer["label"] in answer["scores"]
    assert client.predict("ආයුබෝවන්", api_name="/chat")
    with pytest.raises(AppError, match="There is no text to read"):
        client.predict("news", " ", api_name="/classify")
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(server.pid)], capture_output=True, text=True
    ).stdout.split()
    assert children
    server.terminate()
    assert server.wait(timeout=120) in (0, 130)
    until = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < until, "Ray's processes go on"
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replicas", "0"], "error: --replicas must be at least 1, not 0"),
        (["--replicas", "2", "--max-replicas", "1"], "error: --max-replicas must be at least"),
        (["--prot", "1"], "unrecognized arguments: --prot"),
        (["--device", "cuda:7"], "error: Unknown device 'cuda:7'. Available: cpu"),
        (["--default-checkpoint", "nowhere"], "error: .*nowhere"),
        (["--preset", "paper"], "error: No checkpoint in .* is between the models of the preset 'paper'"),
    ],
)
def test_wrong_options_are_told_in_one_sentence(arguments, message, tmp_path):
    server = start("--checkpoints", str(tmp_path), *arguments)
    said, _ = server.communicate(timeout=120)
    assert server.returncode
    assert re.search(message, said), said
    assert "Traceback" not in said


def test_ray_is_told_to_report_nothing():
    from serve.cluster import keep_to_oneself

    variables = {}
    keep_to_oneself(variables)
    assert variables == {"RAY_USAGE_STATS_ENABLED": "0"}
    keep_to_oneself(chosen := {"RAY_USAGE_STATS_ENABLED": "1"})
    assert chosen == {"RAY_USAGE_STATS_ENABLED": "1"}
    assert os.environ is not variables
