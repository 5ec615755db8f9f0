"""Programs' calls leave nothing behind on the server; visitors' sessions stay."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from gradio_client import Client

import app
from fusion_demo.session import Session
from fusion_demo.ui import call_sessions
from fusion_demo.ui.call_sessions import CALL, SESSIONS_KEPT, forget_calls, sweep
from train_cli.benchmark.start import call


def run_aside(work):
    """Run a coroutine in a thread of its own: after a test with a browser this one has a running loop."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()


@pytest.fixture
def demo(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints))
    app.serve(demo, server_name="127.0.0.1")
    yield demo
    demo.close()


def ask(demo, **asked):
    return call(demo.local_url.rstrip("/"), "classify", task="news", text="a story", **asked)


def test_calls_are_forgotten_and_visitors_are_not(demo):
    first = ask(demo)
    visitor = Client(demo.local_url, verbose=False)
    visitor.predict(task="news", text="a story", api_name="/classify")
    holder = demo.state_holder
    calls = [name for name in holder.session_data if CALL.fullmatch(name)]
    assert len(calls) == 1
    assert visitor.session_hash in holder
    now = datetime.now()
    sweep(holder, now - timedelta(hours=1))
    assert calls[0] in holder
    sweep(holder, now + timedelta(hours=1))
    assert list(holder.session_data) == list(holder.time_last_used) == [visitor.session_hash]
    assert ask(demo) == first


def test_the_server_forgets_by_itself(tiny_checkpoints, monkeypatch):
    monkeypatch.setattr(call_sessions, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(call_sessions, "KEPT", timedelta(0))
    demo = app.build_demo(Session(tiny_checkpoints))
    app.serve(demo, server_name="127.0.0.1")
    try:
        for _ in range(3):
            ask(demo)

        async def soon():
            while demo.state_holder.session_data:
                await asyncio.sleep(0.05)

        run_aside(asyncio.wait_for(soon(), 30))
    finally:
        demo.close()


def test_forgetting_ends_when_it_is_cancelled(demo):
    async def ended():
        forgetting = asyncio.create_task(forget_calls(demo.state_holder))
        await asyncio.sleep(0)
        forgetting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forgetting

    run_aside(ended())


def test_the_number_of_sessions_is_bounded(demo):
    assert demo.state_holder.capacity == SESSIONS_KEPT
