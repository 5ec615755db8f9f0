"""The handlers of the tab Chat, called as the page calls them."""

import dataclasses
from threading import Thread

import gradio as gr
import pytest

import app
from fusion_demo.chat import CHAT_DECODING
from fusion_demo.errors import InputError
from fusion_demo.session import Session
from fusion_demo.ui import chat
from fusion_demo.ui.chat import decoding_of
from fusion_demo.ui.chat_state import Running, is_busy
from fusion_demo.ui.reading import MOST_USED
from fusion_demo.ui.translations import in_english

VALUES = [0.0, 1.0, 8, 1.0, 1, None]  # temperature, top-p, length, penalty, n-gram, seed
SETTINGS = ["Words", "weight", MOST_USED, "", *VALUES, False]


@pytest.fixture
def session(chat_checkpoints):
    return Session(chat_checkpoints)


@pytest.fixture
def demo(session):
    return app.build_demo(session)


def handler(demo, name):
    return next(function.fn for function in demo.fns.values() if function.name == name)


def ids(update):
    """Name what a handler sends by the ids of the components, and the two states by their kind."""
    named = {}
    for block, value in update.items():
        if isinstance(block, gr.State):
            named["conversation" if isinstance(value, list) else "running"] = value
        else:
            named[block.elem_id or type(block).__name__] = value
    return named


NOTHING_NEW = {"message": {"__type__": "update"}}


def follow(demo, started, settings=SETTINGS):
    """Return all updates of an answer but the last, which Gradio sends twice and is to bring nothing."""
    *updates, last = map(ids, handler(demo, "answer")(started, *settings))
    assert last == NOTHING_NEW
    return updates


def say(demo, text, exchanges=()):
    """Send a message and return its `Running` and all updates of the page."""
    started = ids(handler(demo, "take")(text, list(exchanges), None))["running"]
    return started, follow(demo, started)


def test_a_message_is_answered_bit_by_bit_and_kept(demo):
    started, updates = say(demo, "ගඟ ළඟ ගෙයක්")
    assert started.ended
    answers = [update["talk"][-1]["content"] for update in updates if "talk" in update]
    assert len(answers) > 2
    (exchange,) = updates[-1]["conversation"]
    assert exchange.text == exchange.turn.text == "ගඟ ළඟ ගෙයක්"
    assert updates[-1]["send"].visible
    assert not updates[-1]["stop"].visible
    drawn = [update for update in updates if "chat-heatmap" in update]
    assert len(drawn) == 1
    assert drawn[0]["pick"].value == 0
    assert "Sinhala" in updates[-1]["chat-facts"]
    _, updates = say(demo, "second", [exchange])
    assert [kept.text for kept in updates[-1]["conversation"]] == ["ගඟ ළඟ ගෙයක්", "second"]


def test_while_it_waits_the_box_is_empty_and_the_button_stops(demo):
    update = ids(handler(demo, "take")("hello", [], None))
    assert (update["message"], update["send"].visible, update["stop"].visible) == ("", False, True)
    assert [bubble["content"] for bubble in update["talk"]] == ["hello", "…"]


def test_a_second_message_waits_in_the_box(demo, monkeypatch):
    said = []
    monkeypatch.setattr(gr, "Info", said.append)
    update = ids(handler(demo, "take")("more", [], Running("first", [], [])))
    assert set(update) == {"message"}
    assert "Stop" in said[0]


@pytest.mark.parametrize(
    ("text", "message"), [("", "There is no message to read"), ("x" * 6_000, "The message has 6,000")]
)
def test_a_refused_message_goes_back_into_the_box(demo, text, message):
    started, updates = say(demo, text)
    assert started.ended
    assert message in updates[-1]["chat-problem"].value
    assert updates[-1]["message"] == text
    assert updates[-1]["talk"] == []
    assert "conversation" not in updates[-1]


def test_a_failure_loses_nothing(demo, session, monkeypatch, caplog):
    _, updates = say(demo, "first")
    said = updates[-1]["conversation"]

    def fail(*_, **__):
        raise RuntimeError("lost")

    monkeypatch.setattr(session, "chat", fail)
    _, updates = say(demo, "<b>second</b>", said)
    assert "The answer failed" in in_english(updates[-1]["chat-problem"].value)
    assert updates[-1]["message"] == "<b>second</b>"
    assert updates[-1]["talk"][0]["content"] == "first"
    assert "lost" in caplog.text


def test_retry_asks_again_and_keeps_the_old_answer_if_that_fails(demo, session, monkeypatch):
    _, updates = say(demo, "first")
    said = updates[-1]["conversation"]
    update = ids(handler(demo, "retry")(said, None, "draft"))
    assert update["message"] == "draft"
    assert [bubble["content"] for bubble in update["talk"]] == ["first", "…"]
    *_, last = follow(demo, update["running"])
    assert [kept.text for kept in last["conversation"]] == ["first"]

    def fail(*_, **__):
        raise InputError("not now")

    update = ids(handler(demo, "retry")(said, None, "draft"))
    monkeypatch.setattr(session, "chat", fail)
    *_, last = follow(demo, update["running"])
    assert "not now" in last["chat-problem"].value
    assert "message" not in last
    assert len(last["talk"]) == 2


def test_retry_without_a_message_does_nothing(demo):
    assert set(ids(handler(demo, "retry")([], None, ""))) == {"message"}


def test_stop_ends_the_answer_and_keeps_what_there_is(demo):
    started = ids(handler(demo, "take")("hello", [], None))["running"]
    long = [*SETTINGS[:6], 500, 1.0, 0, None, False]
    updates = map(ids, handler(demo, "answer")(started, *long))
    begun = next(update for update in updates if update["talk"][-1]["content"] != "…")
    assert "<q" in begun["echo"]
    update = ids(handler(demo, "halt")(started))
    assert update["stop"].interactive is False
    *_, last, nothing = updates
    assert nothing == NOTHING_NEW
    (exchange,) = last["conversation"]
    assert exchange.turn.stopped
    assert exchange.turn.tokens_out < 500
    assert last["stop"].interactive


def test_stop_before_the_answer_gives_the_message_back(demo):
    started = ids(handler(demo, "take")("hello", [], None))["running"]
    updates = map(ids, handler(demo, "answer")(started, *SETTINGS))
    next(updates)  # it is still being understood
    handler(demo, "halt")(started)
    *_, last, _ = updates
    assert (last["message"], last["talk"], last["echo"]) == ("hello", [], "")
    assert last["stop"].interactive


def test_stop_before_its_turn_gives_the_message_back_and_it_is_never_answered(demo):
    started = ids(handler(demo, "take")("hello", [], None))["running"]
    update = ids(handler(demo, "halt")(started))
    assert update["message"] == "hello"
    assert update["talk"] == []
    updates = [ids(update) for update in handler(demo, "answer")(started, *SETTINGS)]
    assert [set(update) for update in updates] == [{"message"}]


def test_a_reader_who_leaves_frees_the_models(demo, session):
    started = ids(handler(demo, "take")("hello", [], None))["running"]
    updates = handler(demo, "answer")(started, *[*SETTINGS[:6], 500, 1.0, 0, None, False])
    next(updates)
    updates.close()
    assert started.ended
    assert started.stop.is_set()
    assert session.classify("news", "news").label


def test_clear_stops_and_empties(demo):
    started = Running("hello", [], [])
    update = ids(handler(demo, "clear")(started))
    assert started.stop.is_set()
    assert started.begun
    assert (update["conversation"], update["talk"]) == ([], [])


def test_an_answer_that_was_cleared_away_shows_nothing_more(demo, monkeypatch):
    monkeypatch.setattr(chat, "SILENT_SECONDS", 0.01)
    started = ids(handler(demo, "take")("hello", [], None))["running"]
    updates = handler(demo, "answer")(started, *SETTINGS)
    next(updates)
    handler(demo, "clear")(started)
    assert [ids(update) for update in updates] == [NOTHING_NEW]


def test_a_message_that_is_sent_while_all_is_cleared_waits_in_the_box(demo, monkeypatch):
    """The page hears of the clearing after the answer is over, and would lose what was sent in between."""
    monkeypatch.setattr(gr, "Info", lambda _: None)
    started, _ = say(demo, "hello")
    handler(demo, "clear")(started)
    assert ids(handler(demo, "take")("next", [], started)) == NOTHING_NEW
    assert ids(handler(demo, "retry")([], started, "")) == NOTHING_NEW
    assert ids(handler(demo, "take")("next", [], None))["talk"][0]["content"] == "next"


def test_clear_with_nothing_said_takes_nothing_away(demo):
    assert ids(handler(demo, "clear")(None)) == NOTHING_NEW


def test_the_next_message_is_taken_only_when_the_answer_is_with_the_page(demo):
    started = ids(handler(demo, "take")("hello", [], None))["running"]
    for update in map(ids, handler(demo, "answer")(started, *SETTINGS)):
        assert is_busy(started) == (update != NOTHING_NEW)
    assert not is_busy(started)


def test_clear_comes_after_the_last_update(demo):
    started = ids(handler(demo, "take")("hello", [], None))["running"]
    updates = handler(demo, "answer")(started, *[*SETTINGS[:6], 500, 1.0, 0, None, False])
    next(updates)
    order = []

    def go_on():
        started.stop.wait()
        order.extend("update" for _ in updates)

    going = Thread(target=go_on)
    going.start()
    handler(demo, "clear")(started)
    order.append("clear")
    going.join()
    assert order == ["update", "clear"]


def test_clear_does_not_wait_for_what_was_given_back(demo):
    started = ids(handler(demo, "take")("hello", [], None))["running"]
    handler(demo, "halt")(started)
    assert started.silent.is_set()
    assert ids(handler(demo, "clear")(started))["talk"] == []


def test_every_message_can_be_shown_again(demo):
    _, updates = say(demo, "بارش کب")
    _, updates = say(demo, "two words", updates[-1]["conversation"])
    said = updates[-1]["conversation"]
    update = ids(handler(demo, "choose")(0, said, "Words", "weight", MOST_USED))
    assert "Urdu" in update["chat-facts"]
    assert 'dir="rtl"' in update["hears"]
    for position in (0, 1):
        event = gr.SelectData(None, {"index": position, "value": ""})
        assert (
            ids(handler(demo, "choose_bubble")(said, "Words", "weight", MOST_USED, event))["pick"].value == 0
        )
    assert set(ids(handler(demo, "choose")(5, said, "Words", "weight", MOST_USED))) == {"pick"}
    figure = ids(handler(demo, "choose")(1, said, "Tokens", "weight", MOST_USED))["chat-heatmap"]
    assert len(figure.data[0].x) == len(said[1].turn.tokens)


def test_a_message_that_went_straight_in_has_no_heatmap(demo):
    started = ids(handler(demo, "take")("What is the name of this river?", [], None))["running"]
    *_, last = follow(demo, started, [*SETTINGS[:-1], True])
    said = last["conversation"]
    assert said[0].turn.straight
    assert "straight in" in in_english(last["echo"])
    update = ids(handler(demo, "choose")(0, said, "Words", "weight", MOST_USED))
    assert "straight" in update["echo"]
    assert "chat-heatmap" not in update


def test_the_sliders_start_at_the_decoding_of_the_library():
    values = dataclasses.asdict(CHAT_DECODING)
    names = ["temperature", "top_p", "max_new_tokens", "repetition_penalty", "no_repeat_ngram", "seed"]
    assert decoding_of(*(values[name] for name in names)) == CHAT_DECODING
    assert decoding_of(0.5, 0.9, 16.0, 1.2, 3.0, 7.0).seed == 7
    with pytest.raises(InputError, match="no_repeat_ngram"):
        decoding_of(0.5, 0.9, 16, 1.2, 99, None)
