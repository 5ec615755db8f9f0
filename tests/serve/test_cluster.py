"""Two replicas in processes of their own, asked as the page asks them."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from ray.exceptions import ActorDiedError

from fusion_demo.chat import Message
from fusion_demo.decoding import Decoding
from fusion_demo.errors import CheckpointError, ConfigError, InputError, ModelError
from fusion_demo.lanes import Lane
from fusion_demo.layer_session import LayerSession
from fusion_demo.many_texts import read_lines
from fusion_demo.session import Session
from serve import cluster
from serve.cluster import keep_to_oneself, start_replicas
from serve.remote_session import RemoteLayerSession, RemoteSession
from serve.replicas import TRIES, Replicas

TEXTS = ["Prices rise", "ලංකාව දිනයි", "The cup final", "یہ خبر ہے", "The new film", "தமிழ்"]


@pytest.fixture(scope="module")
def replicas(options):
    keep_to_oneself(os.environ)
    with start_replicas(options) as replicas:
        yield replicas


@pytest.fixture(scope="module")
def remote(replicas, options):
    return RemoteSession(replicas, options)


@pytest.fixture(scope="module")
def local(options):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Session(Path(options.checkpoints))
    torch.set_num_threads(threads)


def same(answer, expected):
    assert answer.label == expected.label
    assert answer.scores == pytest.approx(expected.scores, abs=1e-5)
    assert answer.layer_weights == pytest.approx(expected.layer_weights, abs=1e-5)


def processes(replicas):
    return {replicas.ask("process") for _ in range(30)}


def test_both_replicas_answer_in_processes_of_their_own(replicas):
    found = processes(replicas)
    assert len(found) == 2
    assert os.getpid() not in found


@pytest.mark.parametrize("text", TEXTS)
def test_a_label_is_that_of_a_local_session(remote, local, text):
    same(remote.classify(text, "news"), local.classify(text, "news"))


def test_questions_that_come_together_are_answered_in_one_pass(remote, local):
    with ThreadPoolExecutor(16) as visitors:
        answers = list(visitors.map(lambda text: remote.classify(text, "news"), TEXTS * 8))
    for answer, text in zip(answers, TEXTS * 8, strict=True):
        same(answer, local.classify(text, "news"))
    # Each pass shares its time out among its questions.
    assert len({answer.milliseconds for answer in answers}) < len(answers)


def test_refusals_are_those_of_a_local_session(remote):
    with pytest.raises(InputError, match="There is no text to read"):
        remote.classify(" ", "news")
    with pytest.raises(CheckpointError, match="nowhere"):
        remote.classify("x", "news", "nowhere")
    with pytest.raises(InputError):
        remote.chat([Message("assistant", "Hello")])
    with pytest.raises(CheckpointError):
        remote.chat([Message("user", "Hello")], checkpoint="nowhere")


DECODING = Decoding(max_new_tokens=40, temperature=1.0, seed=7, repetition_penalty=1.2)


def answers_of(session, text, **options):
    return [update.answer for update in session.chat([Message("user", text)], **options)]


def test_a_chat_is_that_of_a_local_session_token_by_token(remote, local):
    assert answers_of(remote, TEXTS[1], decoding=DECODING) == answers_of(local, TEXTS[1], decoding=DECODING)


def test_stop_ends_a_chat_with_what_there_is(remote):
    stop = threading.Event()
    decoding = Decoding(max_new_tokens=500, repetition_penalty=1.2)
    updates = []
    for update in remote.chat([Message("user", "Hello")], decoding=decoding, stop=stop):
        updates.append(update)
        if len(updates) == 2:
            stop.set()
    assert len(updates) < 400
    assert updates[-1].turn.stopped


def test_a_reader_who_goes_frees_the_replica(remote, replicas):
    decoding = Decoding(max_new_tokens=500, repetition_penalty=1.2)
    for _ in range(4):
        updates = remote.chat([Message("user", "Hello")], decoding=decoding)
        next(updates)
        updates.close()
    assert remote.classify("Hello", "news").label


def test_many_texts_lanes_and_layers_are_those_of_a_local_session(remote, local, replicas):
    rows = read_lines("\n".join(TEXTS), ("text",))
    ours, expected = (
        {row.index: row for row in session.classify_many(rows, "news", batch_size=2)}
        for session in (remote, local)
    )
    assert ours.keys() == expected.keys()
    for index, row in ours.items():
        same(row.classification, expected[index].classification)
    lanes = [Lane("news"), Lane("news", last_layer_only=True)]
    for answer, expected in zip(
        remote.compare("x y", "news", lanes), local.compare("x y", "news", lanes), strict=True
    ):
        assert answer.scores == pytest.approx(expected.scores, abs=1e-5)
    layers, expected_layers = RemoteLayerSession(remote, replicas), LayerSession(local)
    (ours,), (expected,) = layers.profiles([["x y"]]), expected_layers.profiles([["x y"]])
    assert ours.profile.weights == pytest.approx(expected.profile.weights, abs=1e-5)
    with pytest.raises(InputError):
        layers.profiles([])
    with pytest.raises(InputError):
        next(layers.mask(["x"], masked=0, draws=1))


def test_a_replica_that_is_killed_under_load_costs_no_request(remote, local, replicas):
    before = processes(replicas)
    expected = {text: local.classify(text, "news") for text in TEXTS}
    expected_chats = {text: answers_of(local, text, decoding=DECODING) for text in TEXTS[:2]}
    answered, killed = [], threading.Event()

    def work(number):
        text = TEXTS[number % len(TEXTS)]
        if number % 4 == 0:
            text = TEXTS[number % 2]
            assert answers_of(remote, text, decoding=DECODING) == expected_chats[text]
        else:
            same(remote.classify(text, "news"), expected[text])
        answered.append(number)
        if len(answered) == 20:
            os.kill(min(before), signal.SIGKILL)
            killed.set()

    with ThreadPoolExecutor(12) as visitors:
        list(visitors.map(work, range(120)))
    assert killed.is_set()
    assert sorted(answered) == list(range(120))
    until = time.monotonic() + 120
    while (now := processes(replicas)) & before == before or len(now) < 2:
        assert time.monotonic() < until, "the killed replica was not replaced"
        time.sleep(1)
    assert min(before) not in now


def test_a_cluster_that_is_not_there_is_named(options, monkeypatch):
    def refuse(address, **_):
        raise ConnectionError(address)

    monkeypatch.setattr(cluster.ray, "init", refuse)
    with (
        pytest.raises(ConfigError, match=r"no Ray cluster at 'auto'\. Start one with `ray start --head`"),
        start_replicas(options, address="auto"),
    ):
        pass


class Dying:
    """A handle whose replicas die over every request."""

    def __init__(self):
        self.asked = 0

    def options(self, **_):
        return self

    @property
    def classify(self):
        return self

    stream = stop = classify

    def remote(self, *_, **__):
        self.asked += 1
        return self

    def result(self):
        raise ActorDiedError()

    def __iter__(self):
        raise ActorDiedError()


def test_a_request_that_ends_every_replica_is_given_up():
    for use in (lambda asked: asked.ask("classify"), lambda asked: list(asked.stream("chat"))):
        handle = Dying()
        with pytest.raises(ModelError, match="three in a row"):
            use(Replicas(handle, Dying()))
        assert handle.asked == TRIES
