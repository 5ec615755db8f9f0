"""The page is built, served and asked as a program would ask it."""

import dataclasses
import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

import app
from fusion_demo.chat import CHAT_DECODING, Message
from fusion_demo.session import Session
from fusion_demo.tasks import TASKS
from fusion_demo.ui.classify import take_example
from fusion_demo.ui.examples import EXAMPLE_KINDS, EXAMPLES, PAIR_EXAMPLES

ROOT = Path(__file__).resolve().parents[1]
SINHALA = "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි"


@pytest.fixture(scope="module")
def client(page_address):
    return Client(page_address, verbose=False)


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


def test_classify_is_the_only_endpoint(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/classify"}
    assert not client.view_api(return_format="dict")["unnamed_endpoints"]


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


@pytest.fixture(scope="module")
def chat_client(chat_page_address):
    return Client(chat_page_address, verbose=False)


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


def test_a_page_that_can_chat_has_both_endpoints_and_both_tabs(chat_client, chat_checkpoints):
    assert set(chat_client.view_api(return_format="dict")["named_endpoints"]) == {"/chat", "/classify"}
    demo = app.build_demo(Session(chat_checkpoints))
    tabs = [block.label for block in demo.blocks.values() if isinstance(block, gr.Tab)]
    assert tabs == ["Chat", "Classify"]


def test_a_page_that_cannot_classify_shows_the_chat_alone(chat_checkpoints, tmp_path):
    shutil.copytree(chat_checkpoints / "echo-first", tmp_path / "echo")
    demo = app.build_demo(Session(tmp_path))
    assert [block.label for block in demo.blocks.values() if isinstance(block, gr.Tab)] == ["Chat"]
    shown = " ".join(str(getattr(block, "value", "")) for block in demo.blocks.values())
    assert "There is no checkpoint" not in shown


def test_the_button_shows_a_result_or_a_problem_and_never_both(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints))
    (handler, *others) = [function.fn for function in demo.fns.values() if function.name == "answer"]
    assert len(others) == 5  # the keyboard in both boxes, the examples of three kinds
    asked = ("", "news", None, "Words", 0)
    shown = {block.elem_id: update for block, update in handler(SINHALA, *asked).items()}
    assert set(shown["answer"]) == set(TASKS["news"].label_words)
    assert "<b" in shown["facts"]
    assert shown["problem"].visible is False
    shown = {block.elem_id: update for block, update in handler(None, *asked).items()}
    assert "There is no text to read" in shown["problem"].value
    assert "answer" not in shown


def test_a_task_brings_its_checkpoints(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints))
    (handler,) = [function.fn for function in demo.fns.values() if function.name == "choose_task"]
    update, *_ = handler("sib200")
    assert (update.choices, update.value) == ([("topics", "topics")], "topics")


@pytest.mark.parametrize(
    ("task", "labels", "kind"),
    [
        ("news", ["Text in any language"], "headlines"),
        ("reviews", ["Text in any language"], "reviews"),
        ("xnli", ["Premise in any language", "Hypothesis in any language"], "pairs"),
    ],
)
def test_a_task_brings_a_box_for_each_of_its_texts_and_examples_of_its_kind(
    tiny_checkpoints, task, labels, kind
):
    demo = app.build_demo(Session(tiny_checkpoints))
    (handler,) = [function.fn for function in demo.fns.values() if function.name == "choose_task"]
    _, first, second, *shelves = handler(task)
    assert [first.label, second.label][: len(labels)] == labels
    assert second.visible == (len(labels) == 2)
    assert [name for name, shelf in zip(EXAMPLE_KINDS, shelves, strict=True) if shelf.visible] == [kind]


def test_an_example_fills_the_boxes_and_empties_the_one_it_does_not_need():
    assert take_example("headlines", 0) == (EXAMPLES[0][1], "")
    assert take_example("pairs", 1) == PAIR_EXAMPLES[1][1:]


def test_the_second_box_is_not_read_where_a_task_asks_about_one_text(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints))
    handler = next(function.fn for function in demo.fns.values() if function.name == "answer")
    shown = {block.elem_id: update for block, update in handler("a", "b", "news", None, "Words", 0).items()}
    assert "answer" in shown
    shown = {block.elem_id: update for block, update in handler("a", "b", "xnli", None, "Words", 0).items()}
    assert set(shown["answer"]) == set(TASKS["xnli"].label_words)


def test_a_page_that_starts_with_a_pair_shows_two_boxes(tiny_checkpoints):
    demo = app.build_demo(Session(tiny_checkpoints, default_checkpoint="pairs"))
    second = next(block for block in demo.blocks.values() if getattr(block, "elem_id", None) == "second")
    assert (second.visible, second.label) == (True, "Hypothesis in any language")


def test_nothing_is_reported_to_anyone(tiny_checkpoints):
    assert not app.build_demo(Session(tiny_checkpoints)).analytics_enabled


def test_without_a_checkpoint_the_page_says_how_to_train_one(tmp_path):
    demo = app.build_demo(Session(tmp_path / "bridges"))
    shown = " ".join(str(block.value) for block in demo.blocks.values() if hasattr(block, "value"))
    assert "There is no checkpoint in `bridges/` yet" in shown
    assert "python -m train_cli train --task news --data FOLDER --output bridges/news" in shown


def test_the_program_prints_its_address_and_serves_the_page(tiny_checkpoints):
    process = subprocess.Popen(
        [sys.executable, "app.py", "--checkpoints", str(tiny_checkpoints), "--host", "127.0.0.1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        address = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        with urllib.request.urlopen(address) as page:
            assert b"Fusion Demo" in page.read()
    finally:
        process.terminate()  # a suite started in the background hands on an ignored Ctrl-C
        process.wait(timeout=120)


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


def test_a_taken_port_ends_the_program_with_a_sentence(tiny_checkpoints, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = ["--checkpoints", str(tiny_checkpoints), "--host", "127.0.0.1", "--port", port]
        monkeypatch.setattr(sys, "argv", ["app.py", *options])
        with pytest.raises(SystemExit, match=f"error: .*port.*{port}"):
            app.main()
