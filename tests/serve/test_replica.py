"""One replica, in this process: no cluster."""

import asyncio
from pathlib import Path

import pytest

from fusion_demo.chat import Message
from fusion_demo.decoding import Decoding
from fusion_demo.errors import CheckpointError, InputError
from fusion_demo.session import Session
from serve.replica import HANG_SECONDS, Question, Refused, Replica
from serve.stop_board import StopBoard

TEXTS = ["Prices rise", "ලංකාව", "The cup final", "خبر"]


class Board:
    """A board in this process, called as Ray's handles are."""

    def __init__(self):
        self.board = StopBoard()

    @property
    def wait(self):
        return self

    def remote(self, request):
        return self.board.wait(request)


@pytest.fixture
def replica(options):
    return Replica(options, Board())


def ask(replica, *questions):
    return asyncio.run(replica.classify_together(list(questions)))


def test_like_questions_are_answered_in_one_pass_as_each_alone(replica, options, monkeypatch):
    session = Session(Path(options.checkpoints))
    passes = []
    together = replica._session.classify_together
    monkeypatch.setattr(
        replica._session,
        "classify_together",
        lambda texts, *rest, **more: passes.append(len(texts)) or together(texts, *rest, **more),
    )
    questions = [Question((text, ""), "news", "", False) for text in TEXTS]
    last_layer = Question((TEXTS[0], ""), "news", "", True)
    answers = ask(replica, *questions, last_layer, Question(("", ""), "news", "", False))
    assert passes == [5, 1]
    for text, answer in zip(TEXTS, answers, strict=False):
        alone = session.classify(text, "news")
        assert answer.label == alone.label
        assert answer.scores == pytest.approx(alone.scores, abs=1e-5)
        assert answer.layer_weights == pytest.approx(alone.layer_weights, abs=1e-5)
    assert answers[4].layer_weights[0, -1] == 1
    assert isinstance(answers[5], Refused)
    assert isinstance(answers[5].error, InputError)


def test_what_is_wrong_with_a_checkpoint_refuses_its_questions_only(replica):
    good, bad = ask(
        replica, Question(("x", ""), "news", "", False), Question(("x", ""), "news", "nowhere", False)
    )
    assert good.label
    assert isinstance(bad.error, CheckpointError)


def stream(replica, method, *arguments, stop_after=None, **options):
    async def run():
        items = []
        async for item in replica.stream("r", method, arguments, options):
            items.append(item)
            if len(items) == stop_after:
                await replica._board.board.stop("r")
                await asyncio.sleep(0.01)
        return items

    return asyncio.run(run())


def test_a_stream_ends_when_the_board_says_so(replica):
    messages = [Message("user", "Hello")]
    decoding = Decoding(max_new_tokens=200, repetition_penalty=1.2)
    whole = stream(replica, "chat", messages, decoding=decoding)
    stopped = stream(replica, "chat", messages, decoding=decoding, stop_after=3)
    assert len(stopped) < len(whole)
    assert stopped[-1].turn.stopped


def test_a_refusal_is_the_last_of_a_stream(replica):
    (refused,) = stream(replica, "mask", ("x",), "", masked=99, draws=1)
    assert isinstance(refused.error, InputError)


def test_a_replica_that_hangs_is_not_well(replica, monkeypatch):
    replica.check_health()
    with replica._somebody_waits():
        replica.check_health()
        replica._moved -= HANG_SECONDS + 1
        with pytest.raises(RuntimeError, match="Nothing was answered for 120 seconds"):
            replica.check_health()
    replica.check_health()  # nobody waits any more
