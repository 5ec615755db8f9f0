"""The endpoints `/classify` and `/chat`, asked as a program asks them."""

import dataclasses
import json
import urllib.request

import numpy as np
import pytest
from gradio_client.exceptions import AppError

from fusion_demo.chat import CHAT_DECODING, Message
from fusion_demo.session import Session
from fusion_demo.tasks import TASKS

SINHALA = "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි"


def classify(client, text, task="news", checkpoint="news-second"):
    return client.predict(task=task, text=text, checkpoint=checkpoint, api_name="/classify")


def test_a_program_gets_the_answer_and_all_that_it_was_made_from(client, tiny_checkpoints):
    answer = classify(client, SINHALA)
    expected = Session(tiny_checkpoints).classify(SINHALA, "news", "news-second")
    assert set(answer) == {"label", "scores", "language", "tokens", "parts", "layers", "layer_weights"}
    assert answer["label"] == expected.label
    assert answer["scores"] == pytest.approx(expected.scores)
    assert answer["language"] == "si"
    assert answer["tokens"] == [token.text for token in expected.tokens]
    assert answer["parts"] == [0] * len(expected.tokens)
    assert answer["layers"] == [1, 2, 3]
    assert np.array_equal(np.float32(answer["layer_weights"]), expected.layer_weights)


def test_the_checkpoint_may_be_left_out(client):
    answer = client.predict(task="news", text=SINHALA, api_name="/classify")
    assert answer["scores"] == classify(client, SINHALA)["scores"]


def test_a_program_asks_about_a_pair_with_a_second_text(client, tiny_checkpoints):
    asked = {"text": SINHALA, "second_text": "අපනයන අඩු වෙයි"}
    answer = client.predict(task="xnli", **asked, api_name="/classify")
    expected = Session(tiny_checkpoints).classify(SINHALA, "xnli", second=asked["second_text"])
    assert answer["scores"] == pytest.approx(expected.scores)
    assert answer["parts"] == expected.parts
    assert set(expected.parts) == {0, 1}
    with pytest.raises(AppError, match="There is no hypothesis to read"):
        client.predict(task="xnli", text=SINHALA, api_name="/classify")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"text": ""}, "There is no text to read"),
        ({"text": "\x00\u200b"}, "There is no text to read"),
        ({"text": "x" * 20_000}, "The text has 20,000 characters"),
        ({"text": None}, "text must be a string"),
        ({"text": ["news"]}, "text must be a string"),
        ({"text": SINHALA, "task": "new"}, "Did you mean 'news'?"),
        ({"text": SINHALA, "task": ["news"]}, "task must be a string"),
        ({"text": SINHALA, "checkpoint": "../../etc"}, "Available: news-first"),
        ({"text": SINHALA, "checkpoint": {"a": 1}}, "checkpoint must be a string"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(client, asked, message):
    with pytest.raises(AppError) as refused:
        classify(client, **asked)
    assert message in str(refused.value)
    assert "Traceback" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["😀😀😀", "\x1b[31mred\x00", "\u202eabc\u2066", "<img src=x onerror=alert(1)>", "x" * 5000]
)
def test_odd_texts_are_answered(client, text):
    assert classify(client, text)["label"] in TASKS["news"].label_words


def test_half_a_surrogate_pair_is_left_out(client, page_address):
    # JSON can carry it as an escape; gradio_client cannot, so this asks by plain HTTP.
    body = rb'{"task": "news", "text": "ne\ud800ws", "checkpoint": "news-second"}'
    address = f"{page_address}gradio_api/call/v2/classify"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        event = json.load(reply)["event_id"]
    with urllib.request.urlopen(f"{address}/{event}") as reply:
        stream = reply.read().decode()
    assert "event: complete" in stream
    (answer,) = json.loads(stream.split("data: ")[-1])
    assert answer["scores"] == classify(client, "news")["scores"]


def chat(chat_client, message, **asked):
    return chat_client.predict(message=message, api_name="/chat", **{"max_new_tokens": 6} | asked)


def test_a_program_gets_an_answer_in_a_conversation(chat_client, chat_checkpoints):
    earlier = [Message("user", "කොහොමද", "how"), Message("assistant", "Well.")]
    *_, last = Session(chat_checkpoints).chat(
        [*earlier, Message("user", SINHALA)],
        decoding=dataclasses.replace(CHAT_DECODING, max_new_tokens=6),
    )
    history = [
        {"role": "user", "content": "කොහොමද", "echo": "how"},
        {"role": "assistant", "content": "Well."},
    ]
    answer = chat(chat_client, SINHALA, history=history)
    assert answer["answer"] == last.turn.answer
    assert answer["echo"] == last.turn.echo
    assert (answer["language"], answer["straight"], answer["dropped"]) == ("si", False, 0)
    assert answer["tokens"] == [token.text for token in last.turn.tokens]
    assert answer["layers"] == [1, 2, 3]
    assert np.array_equal(np.float32(answer["layer_weights"]), last.turn.layer_weights)
    assert [part["text"] for part in answer["hears"]] == answer["tokens"]
    timings = answer["timings"]
    assert set(timings) == {
        "tokens_in",
        "soft_tokens",
        "tokens_out",
        "first_token_milliseconds",
        "token_milliseconds",
    }
    assert (timings["tokens_in"], timings["soft_tokens"]) == (last.turn.tokens_in, len(last.turn.tokens))
    assert chat(chat_client, SINHALA)["timings"]["tokens_in"] < timings["tokens_in"]


def test_a_program_may_sample_with_a_seed_and_choose_the_checkpoint(chat_client):
    asked = {"temperature": 1.5, "max_new_tokens": 12}
    answers = [chat(chat_client, SINHALA, seed=seed, **asked)["answer"] for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]
    words = chat(chat_client, SINHALA, checkpoint="echo-words", top_p=1, repetition_penalty=1)
    assert words["timings"]["soft_tokens"] == len(SINHALA.split()) + 3


def test_a_program_may_send_english_straight_in(chat_client):
    answer = chat(chat_client, "What is the name of this river?", straight=True)
    assert answer["straight"]
    assert answer["tokens"] == answer["layer_weights"] == answer["hears"] == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"message": ""}, "There is no message to read"),
        ({"message": 5}, "message must be a string, not int"),
        ({"checkpoint": "news"}, "Available: echo-first, echo-words"),
        ({"checkpoint": ["echo-first"]}, "checkpoint must be a string, not list"),
        ({"max_new_tokens": 100_000}, "max_new_tokens must be at least 1 and at most 512"),
        ({"max_new_tokens": 2.5}, "max_new_tokens must be a whole number, not float"),
        ({"max_new_tokens": True}, "max_new_tokens must be a whole number, not bool"),
        ({"temperature": "hot"}, "temperature must be a number, not str"),
        ({"top_p": None}, "top_p must be a number, not NoneType"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram must be at least 0"),
        ({"seed": "one"}, "seed must be a whole number, not str"),
        ({"seed": -1}, "The seed must be at least 0"),
        ({"straight": "yes"}, "straight must be true or false, not str"),
        ({"history": "before"}, "history must be a list, not str"),
        ({"history": ["before"]}, "an entry of history must be an object, not str"),
        ({"history": [{"role": "user"}]}, "An entry of history has a role, a content"),
        (
            {"history": [{"role": "user", "content": 5}]},
            "the content of an entry of history must be a string",
        ),
        ({"history": [{"role": "user", "content": "a"}]}, "User and assistant take turns"),
        ({"history": [{"role": "system", "content": "a"}]}, "Unknown role 'system'"),
    ],
)
def test_a_chat_that_cannot_be_answered_is_refused_with_a_sentence(chat_client, asked, message):
    with pytest.raises(AppError) as refused:
        chat(chat_client, **{"message": SINHALA} | asked)
    assert message in str(refused.value)
    assert "Traceback" not in str(refused.value)
