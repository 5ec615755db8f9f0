"""What answers in another process, asked in this one."""

from threading import Event

import pytest

from fusion_demo.chat import Message
from fusion_demo.decoding import Decoding
from fusion_demo.errors import CheckpointError, FusionDemoError, InputError
from fusion_demo.lanes import Lane
from fusion_demo.many_texts import read_lines
from fusion_demo.remote import Question, Refused, SessionAnswers, accepted
from fusion_demo.session import Session


@pytest.fixture(scope="module")
def answers(chat_checkpoints):
    return SessionAnswers(Session(chat_checkpoints))


def test_an_answer_is_accepted_and_a_refusal_raised():
    assert accepted("yes") == "yes"
    with pytest.raises(InputError, match="too long"):
        accepted(Refused(InputError("too long")))


def test_what_cannot_be_answered_comes_back_as_a_value(answers):
    nowhere = answers.ask("classify", [Question(("x", ""), "news", "nowhere", False)], {})
    assert isinstance(nowhere.error, CheckpointError)
    assert isinstance(answers.ask("classify", [Question((" ", ""), "news", "", False)], {}).error, InputError)
    assert isinstance(answers.ask("profiles", [[]], {}).error, InputError)
    (refused,) = answers.stream("mask", [["x"]], {"masked": 99, "draws": 1}, Event())
    assert isinstance(refused.error, InputError)


def test_a_question_is_asked_as_it_stands(answers):
    answer = answers.ask("classify", [Question(("rain", ""), "news", "news", True)], {})
    assert answer.text == "rain"
    assert (answer.layer_weights[:, -1] == 1).all()


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [
        ("classify_many", [read_lines("one\ntwo words\nthree", ("text",)), "news"], {"batch_size": 1}),
        ("compare", ["rain", "news", [Lane("news")] * 3], {}),
    ],
)
def test_what_comes_bit_by_bit_ends_after_the_bit_at_which_it_is_stopped(answers, method, arguments, options):
    stop, seen = Event(), []
    for item in answers.stream(method, arguments, options, stop):
        assert not isinstance(item, FusionDemoError)
        seen.append(item)
        stop.set()
    assert len(seen) == 1
    assert len(list(answers.stream(method, arguments, options, Event()))) == 3


def test_a_chat_that_is_stopped_says_how_it_ended(answers):
    stop, seen = Event(), []
    options = {"decoding": Decoding(max_new_tokens=500, repetition_penalty=1.2)}
    for update in answers.stream("chat", [[Message("user", "Hello")]], options, stop):
        seen.append(update)
        if len(seen) == 2:
            stop.set()
    assert len(seen) < 400
    assert (seen[-1].done, seen[-1].turn.stopped) == (True, True)


def test_a_reader_who_goes_ends_the_answer(answers):
    stop = Event()
    updates = answers.stream("chat", [[Message("user", "Hello")]], {}, stop)
    next(updates)
    assert not stop.is_set()
    updates.close()
    assert stop.is_set()
