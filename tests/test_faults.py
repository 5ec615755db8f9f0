"""What becomes of a running session and a running server when something is taken from under them."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client

from fusion_demo.checkpoint import CONFIG, TENSORS
from fusion_demo.errors import CheckpointError, ModelError
from fusion_demo.many_texts import InputRow
from fusion_demo.session import Session

ROOT = Path(__file__).resolve().parents[1]
TEXT = "අපනයන වැඩි වෙයි"


@pytest.fixture
def folder(tiny_checkpoints, tmp_path):
    return shutil.copytree(tiny_checkpoints, tmp_path / "checkpoints")


@pytest.fixture
def session(folder):
    return Session(folder)


def scores(session, name, task="news"):
    return session.classify(TEXT, task, name).scores


def test_who_is_being_answered_by_a_deleted_checkpoint_is_answered_to_the_end(session, folder):
    rows = [InputRow((f"story {number} {'x' * number}",)) for number in range(6)]
    expected = {
        row.index: row.classification.scores for row in session.classify_many(rows, "news", "news-second")
    }
    answers = session.classify_many(rows, "news", "news-second", batch_size=1)
    first = next(answers)
    shutil.rmtree(folder / "news-second")
    found = {row.index: row.classification.scores for row in [first, *answers]}
    assert found.keys() == expected.keys()
    for number, row in found.items():
        assert row == pytest.approx(expected[number], abs=1e-5)
    with pytest.raises(CheckpointError, match="Available: news-first, news-third"):
        scores(session, "news-second")
    assert scores(session, "news-first")


def test_a_checkpoint_that_is_deleted_before_it_was_loaded_is_refused(session, folder):
    answers = session.classify_many([InputRow((TEXT,))], "news", "news-second")
    shutil.rmtree(folder / "news-second")
    with pytest.raises(CheckpointError, match="There is no checkpoint folder"):
        list(answers)


@pytest.mark.parametrize("copy", [shutil.copyfile, Path.replace])
def test_a_checkpoint_that_is_replaced_file_by_file_answers_as_the_new_one(session, folder, copy):
    second, third = scores(session, "news-second"), scores(session, "news-third")
    assert second != third
    for name in (TENSORS, CONFIG):  # as `cp` does, into the same files; and as `mv` does
        copy(folder / "news-third" / name, folder / "news-second" / name)
    assert scores(session, "news-second") == third


@pytest.mark.parametrize("name", [TENSORS, CONFIG])
def test_a_checkpoint_that_is_half_copied_costs_only_those_who_ask_for_it(session, folder, name):
    before = scores(session, "news-second")
    path = folder / "news-second" / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="news-second"):
        scores(session, "news-second")
    assert scores(session, "news-first")
    assert scores(session, "topics", "sib200")
    path.write_bytes(content)
    assert scores(session, "news-second") == before


def test_a_checkpoint_without_its_tensors_is_refused_even_if_it_was_loaded(session, folder):
    assert scores(session, "news-second")
    (folder / "news-second" / TENSORS).unlink()
    with pytest.raises(CheckpointError, match="news-second"):
        scores(session, "news-second")


def test_the_others_answer_on_when_the_default_is_deleted(folder):
    session = Session(folder, default_checkpoint="news-second")
    session.check_checkpoints()
    shutil.rmtree(folder / "news-second")
    assert session.classify(TEXT, "news").label
    assert scores(session, "topics", "sib200")


def test_a_damaged_folder_is_refused_at_the_start(session, folder):
    (folder / "topics" / CONFIG).write_text("{")
    with pytest.raises(CheckpointError, match="topics"):
        session.check_checkpoints()


def test_loaded_models_outlive_their_files(make_bridge, write_checkpoint, tmp_path):
    bridge = make_bridge()
    for role in ("encoder", "llm"):
        model = getattr(bridge, role)
        model.model.save_pretrained(tmp_path / role)
        model.tokenizer.save_pretrained(tmp_path / role)
    models = {role: str(tmp_path / role) for role in ("encoder", "llm")}
    write_checkpoint(tmp_path / "checkpoints" / "news", fusion="global-softmax", task="news", **models)
    session = Session(tmp_path / "checkpoints")
    before = scores(session, "news")
    for role in models:
        shutil.rmtree(tmp_path / role)
    assert scores(session, "news") == before
    with pytest.raises(ModelError, match="encoder"):
        scores(Session(tmp_path / "checkpoints"), "news")


class Program:
    """The program as a user starts it, on one port."""

    def __init__(self, checkpoints: Path):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.checkpoints = checkpoints

    def __enter__(self):
        options = ["--checkpoints", str(self.checkpoints), "--host", "127.0.0.1", "--port", str(self.port)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "app.py", *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
        assert f":{self.port}" in self.process.stdout.readline()
        return self

    def client(self):
        return Client(f"http://127.0.0.1:{self.port}/", verbose=False)

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.mark.sweep
def test_after_a_kill_in_the_middle_of_an_answer_the_restarted_program_answers(chat_checkpoints):
    program = Program(chat_checkpoints)
    with program, ThreadPoolExecutor(1) as pool:
        client = program.client()
        asked = {"message": "කොහොමද", "max_new_tokens": 256, "api_name": "/chat"}
        assert client.predict(**asked | {"max_new_tokens": 8})["tokens"]
        for _ in range(50):  # more than can be answered before the kill
            waiting = client.submit(**asked)
        time.sleep(0.5)
        program.process.kill()
        began = time.monotonic()
        with pytest.raises(Exception):  # noqa: B017 - whatever the connection's end is to the client
            pool.submit(waiting.result, timeout=60).result()
        assert time.monotonic() - began < 60
    with program:
        assert program.client().predict(**asked | {"max_new_tokens": 8})["tokens"]
        with urllib.request.urlopen(f"http://127.0.0.1:{program.port}/") as page:
            assert b"Fusion Demo" in page.read()
