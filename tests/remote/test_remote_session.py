"""The session of the page, whose questions are answered elsewhere: here behind pickles, in this process."""

import pickle
from threading import Event

import pytest

from fusion_demo.chat import Message
from fusion_demo.decoding import Decoding
from fusion_demo.errors import CheckpointError, InputError
from fusion_demo.lanes import Lane
from fusion_demo.layer_session import LayerSession
from fusion_demo.many_texts import read_lines
from fusion_demo.remote import RemoteLayerSession, RemoteSession, SessionAnswers, accepted
from fusion_demo.session import Session

TEXTS = ["Prices rise", "ලංකාව දිනයි", "The cup final"]


class Pickled:
    """Has questions answered by a session behind pickles."""

    def __init__(self, session):
        self.answers = SessionAnswers(session)
        self.asked = []

    def passed(self, value):
        return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own

    def ask(self, method, *arguments, **options):
        self.asked.append((method, options))
        return accepted(self.passed(self.answers.ask(method, *self.passed((arguments, options)))))

    def stream(self, method, *arguments, stop=None, **options):
        self.asked.append((method, options))
        arguments, options = self.passed((arguments, options))
        for item in self.answers.stream(method, arguments, options, stop or Event()):
            yield accepted(self.passed(item))


@pytest.fixture(scope="module")
def local(chat_checkpoints):
    return Session(chat_checkpoints)


@pytest.fixture
def pickled(local):
    return Pickled(local)


@pytest.fixture
def remote(pickled, chat_checkpoints):
    return RemoteSession(pickled, chat_checkpoints, at_once=3)


def same(answer, expected):
    assert answer.label == expected.label
    assert answer.scores == pytest.approx(expected.scores, abs=1e-6)
    assert answer.layer_weights == pytest.approx(expected.layer_weights, abs=1e-6)


def test_it_lists_what_there_is_and_asks_nobody(remote, local, pickled):
    assert remote.at_once == 3
    assert remote.checkpoints() == local.checkpoints()
    assert remote.chat_checkpoints() == local.chat_checkpoints()
    remote.warm_up()
    assert pickled.asked == []


def test_texts_and_lanes_are_answered_as_by_a_local_session(remote, local):
    for text in TEXTS:
        same(remote.classify(text, "news"), local.classify(text, "news"))
    rows = read_lines("\n".join(TEXTS), ("text",))
    ours, expected = (
        {row.index: row for row in session.classify_many(rows, "news", batch_size=2)}
        for session in (remote, local)
    )
    assert ours.keys() == expected.keys() == {0, 1, 2}
    for index, row in ours.items():
        same(row.classification, expected[index].classification)
    lanes = [Lane("news"), Lane("llm-alone")]
    for answer, expected in zip(
        remote.compare("x y", "news", lanes), local.compare("x y", "news", lanes), strict=True
    ):
        assert answer.scores == pytest.approx(expected.scores, abs=1e-6)


def test_a_chat_and_layers_are_those_of_a_local_session(remote, local, pickled, tiny_checkpoints):
    message, decoding = [Message("user", TEXTS[1])], Decoding(max_new_tokens=12)
    ours, expected = (
        [(update.answer, update.done) for update in session.chat(message, decoding=decoding)]
        for session in (remote, local)
    )
    assert ours == expected
    tiny = Session(tiny_checkpoints)
    pickled = Pickled(tiny)
    layers, local_layers = (
        RemoteLayerSession(RemoteSession(pickled, tiny_checkpoints, at_once=1), pickled),
        LayerSession(tiny),
    )
    (ours,), (expected,) = layers.profiles([["x y"]]), local_layers.profiles([["x y"]])
    assert ours.profile.weights == pytest.approx(expected.profile.weights, abs=1e-6)
    ours, expected = (list(each.mask(["x y"], masked=1, draws=2, seed=3)) for each in (layers, local_layers))
    assert [step.done for step in ours] == [step.done for step in expected]
    assert ours[-1].summary["masked"][0]["layers"] == expected[-1].summary["masked"][0]["layers"]


def test_what_is_wrong_with_a_question_is_said_before_anybody_is_asked(remote, pickled):
    with pytest.raises(InputError, match="There is no message to read"):
        remote.chat([Message("user", "")])
    with pytest.raises(CheckpointError, match="nowhere"):
        remote.classify_many(read_lines("x", ("text",)), "news", "nowhere")
    with pytest.raises(InputError, match="lanes"):
        remote.compare("x", "news", [])
    assert pickled.asked == []


def test_refusals_are_those_of_a_local_session(remote):
    with pytest.raises(InputError, match="There is no text to read"):
        remote.classify(" ", "news")
    good, bad = remote.classify_together([("rain", ""), (" ", "")], "news")
    assert good.label
    assert isinstance(bad, InputError)


@pytest.mark.parametrize("seed", [None, 7])
def test_a_sampled_answer_has_a_seed_before_it_is_asked_for(remote, pickled, seed):
    for _ in range(2):
        list(
            remote.chat(
                [Message("user", "Hello")], decoding=Decoding(max_new_tokens=2, temperature=1, seed=seed)
            )
        )
    first, second = (options["decoding"].seed for _, options in pickled.asked)
    assert None not in (first, second)
    assert (first == second == 7) if seed else (first != second)
