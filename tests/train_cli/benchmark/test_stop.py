"""Chats that are stopped, by a clock that the test turns and with the tiny models."""

import math
from types import SimpleNamespace

import pytest

from fusion_demo.chat import USER, ChatUpdate, Message
from fusion_demo.decoding import Decoding
from fusion_demo.errors import ConfigError
from fusion_demo.session import Session
from train_cli.benchmark import stop
from train_cli.benchmark.stop import READING, WRITING

MESSAGES = [Message(USER, "ආයුබෝවන්")]
GREEDY = Decoding(max_new_tokens=8)


class Clock:
    """Seconds that pass when a test says so, and the one timer that goes off in them."""

    def __init__(self, monkeypatch):
        self.now, self.due, self.call = 100.0, math.inf, None
        monkeypatch.setattr(stop.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(stop, "Timer", self.timer)

    def timer(self, wait, call):
        def start():
            self.due, self.call = self.now + wait, call

        return SimpleNamespace(start=start, cancel=lambda: None)

    def sleep(self, seconds):
        end = self.now + seconds
        if self.due <= end:
            self.now, self.due = self.due, math.inf
            self.call()
        self.now = end


@pytest.fixture
def stopped(monkeypatch):
    """Stops a turn that reads for a while, then writes; it looks at the stop after each step."""
    clock = Clock(monkeypatch)

    def stop_turn(phase, wait, *, reading, token, tokens):
        def chat(messages, *, checkpoint, decoding, stop):
            for number, seconds in enumerate([reading, *[token] * tokens]):
                clock.sleep(seconds)
                yield ChatUpdate("word " * number)
                if stop.is_set():
                    break
            yield ChatUpdate("", done=True)

        return stop.stop_once(SimpleNamespace(chat=chat), "", MESSAGES, GREEDY, phase, wait)

    return stop_turn


def test_the_time_from_the_stop_to_the_end_is_measured(stopped):
    # Stopped after 1 of 4 seconds of reading: what is left of them is what the stop takes.
    assert stopped(READING, 1.0, reading=4.0, token=9.0, tokens=3) == pytest.approx(3.0)
    # Stopped 7 seconds behind the first token, in the second of two that take 5 seconds each.
    assert stopped(WRITING, 7.0, reading=4.0, token=5.0, tokens=9) == pytest.approx(3.0)


def test_a_turn_that_ended_before_its_stop_says_nothing(stopped):
    assert stopped(WRITING, 30.0, reading=1.0, token=1.0, tokens=3) is None


def test_a_stop_behind_the_first_token_is_none_of_the_reading(stopped):
    assert stopped(READING, 2.0, reading=1.0, token=3.0, tokens=3) is None


def test_every_phase_has_its_stops(chat_checkpoints):
    report = stop.time_stops(chat_checkpoints, "echo-words", 3, 0)
    assert report["checkpoint"] == "echo-words"
    assert set(report["phases"]) == {READING, WRITING}
    for phase in report["phases"].values():
        assert phase["milliseconds"]["n"] == 3
        assert 0 < phase["milliseconds"]["median"] <= phase["longest"]


def test_answers_too_short_to_be_stopped_are_an_error(chat_checkpoints, monkeypatch):
    monkeypatch.setattr(stop, "stop_once", lambda *_: None)
    with pytest.raises(ConfigError, match=r"Only 0 of 15 answers were still there .* writes longer answers"):
        stop.time_stops(chat_checkpoints, "", 3, 0)


def test_the_models_are_free_after_the_stop(chat_checkpoints):
    session = Session(chat_checkpoints)
    for _ in session.chat(MESSAGES, decoding=GREEDY):
        pass
    stop.stop_once(session, "", MESSAGES, GREEDY, READING, 0.0)
    assert [update.done for update in session.chat(MESSAGES, decoding=GREEDY)][-1]
