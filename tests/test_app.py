"""The program: its settings, and the server that it starts; `test_isolation.py` starts it as a user does."""

import socket
import sys

import gradio as gr
import pytest
from gradio_client import Client

import app
from fusion_demo.errors import InputError
from fusion_demo.input_text import MAX_CHARACTERS, limit_characters, readable_text
from fusion_demo.many_texts import MAX_FILE_BYTES
from fusion_demo.session import Session
from fusion_demo.settings import Settings
from fusion_demo.ui.reading import MODELS


def test_uploads_and_downloads_are_bounded_and_deleted(tiny_checkpoints):
    frequency, age = app.build_demo(Session(tiny_checkpoints)).delete_cache
    assert 0 < frequency <= age <= 24 * 3600
    assert app.LAUNCH_OPTIONS["max_file_size"] == MAX_FILE_BYTES


@pytest.mark.parametrize("at_once", [1, 8])
def test_so_many_requests_reach_the_models_as_the_session_answers_at_once(tiny_checkpoints, at_once):
    session = Session(tiny_checkpoints)
    if at_once != 1:
        session.at_once = at_once
    demo = app.build_demo(session)
    limits = {event.concurrency_limit for event in demo.fns.values() if event.concurrency_id == MODELS}
    assert limits == {at_once}
    app.serve(demo, server_name="127.0.0.1")
    try:
        Client(demo.local_url, verbose=False).predict("news", "rain", api_name="/classify")
        assert demo._queue.event_queue_per_concurrency_id[MODELS].concurrency_limit == at_once
    finally:
        demo.close()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--default-checkpoint", "news-secon", "Unknown checkpoint 'news-secon'"),
        ("--device", "cuda:99", "Unknown device 'cuda:99'"),
    ],
)
def test_wrong_options_end_the_program_with_a_sentence(tiny_checkpoints, monkeypatch, option, value, message):
    monkeypatch.setattr(sys, "argv", ["app.py", "--checkpoints", str(tiny_checkpoints), option, value])
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        app.main()


ZERO_GPU = {"SPACES_ZERO_GPU": "true"}


@pytest.mark.parametrize(
    ("environment", "device"), [({}, ""), ({}, "cpu"), ({"SPACES_ZERO_GPU": "false"}, ""), (ZERO_GPU, "cpu")]
)
def test_the_models_run_here_unless_a_space_lends_a_gpu_or_the_user_wants_none(
    tiny_checkpoints, monkeypatch, environment, device
):
    monkeypatch.setattr(app, "find_decorator", None)
    settings = Settings(checkpoints=str(tiny_checkpoints), device=device, default_checkpoint="topics")
    session, layers = app.open_session(settings, environment)
    assert type(session) is Session
    assert layers.session is session
    assert session.checkpoints()[0].name == "topics"
    assert session._models.device == "cpu"


@pytest.mark.parametrize("device", ["", "cuda:0"])
def test_on_a_space_with_zero_gpu_its_gpu_answers(tiny_checkpoints, monkeypatch, device):
    opened = []
    monkeypatch.setattr(app, "find_decorator", lambda: "decorator")
    monkeypatch.setattr(app, "open_on_zero_gpu", lambda *given, **options: opened.append((given, options)))
    app.open_session(Settings(checkpoints=str(tiny_checkpoints), device=device), ZERO_GPU)
    assert opened == [
        (
            (tiny_checkpoints, "decorator", gr.Error),
            {"default_checkpoint": None, "preset": "", "translator": ""},
        )
    ]


def test_a_space_without_the_package_of_zero_gpu_ends_with_a_sentence(tiny_checkpoints, monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", None)
    monkeypatch.setattr(sys, "argv", ["app.py", "--checkpoints", str(tiny_checkpoints)])
    with pytest.raises(SystemExit, match="error: SPACES_ZERO_GPU is set, but the package spaces is missing"):
        app.main()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("FUSION_DEMO_PORT", "http", "FUSION_DEMO_PORT must be a whole number"),
        ("FUSION_DEMO_PROT", "80", "Unknown environment variable 'FUSION_DEMO_PROT'"),
        ("FUSION_DEMO_DEFAULT_CHECKPOINT", "news-secon", "Unknown checkpoint 'news-secon'"),
    ],
)
def test_wrong_variables_end_the_program_with_a_sentence(
    tiny_checkpoints, monkeypatch, variable, value, message
):
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.setenv("FUSION_DEMO_CHECKPOINTS", str(tiny_checkpoints))
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=f"error: {message}"):
        app.main()


def test_without_its_package_the_mcp_server_is_refused_with_a_sentence(tiny_checkpoints, monkeypatch):
    monkeypatch.setattr(app.importlib.util, "find_spec", lambda _: None)
    options = ["--checkpoints", str(tiny_checkpoints), "--mcp"]
    monkeypatch.setattr(sys, "argv", ["app.py", *options])
    with pytest.raises(SystemExit, match=r"error: The MCP server .* pip install -r requirements-mcp.txt"):
        app.main()


def test_the_longest_text_and_the_queue_are_those_of_the_settings(tiny_checkpoints, monkeypatch):
    built = []
    monkeypatch.setattr(app, "launch", lambda demo, settings: built.append(demo) or sys.exit(0))
    options = ["--checkpoints", str(tiny_checkpoints), "--max-characters", "12", "--queue-length", "3"]
    monkeypatch.setattr(sys, "argv", ["app.py", *options])
    try:
        with pytest.raises(SystemExit):
            app.main()
        with pytest.raises(InputError, match="at most 12 can be read"):
            readable_text("a" * 13)
    finally:
        limit_characters(MAX_CHARACTERS)
    assert built[0]._queue.max_size == 3


def test_a_taken_port_ends_the_program_with_a_sentence(tiny_checkpoints, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = ["--checkpoints", str(tiny_checkpoints), "--host", "127.0.0.1", "--port", port]
        monkeypatch.setattr(sys, "argv", ["app.py", *options])
        with pytest.raises(SystemExit, match=f"error: .*port.*{port}"):
            app.main()
