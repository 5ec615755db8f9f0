"""Answers of decorated functions: here behind what `spaces.GPU` does, made again for a machine without a GPU.

`tests/zero_gpu/` asks the package itself.
"""

import inspect
import multiprocessing
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import gradio as gr
import pytest
import torch

import app
from fusion_demo.chat import Message
from fusion_demo.decoding import Decoding
from fusion_demo.errors import CheckpointError, ConfigError, InputError, ModelError
from fusion_demo.lanes import LLM_ALONE, Lane
from fusion_demo.layer_session import LayerSession
from fusion_demo.many_texts import read_lines
from fusion_demo.remote import RemoteSession
from fusion_demo.session import Session
from fusion_demo.ui.chat_state import Running
from fusion_demo.ui.reading import MOST_USED
from fusion_demo.zero_gpu import (
    DURATION,
    MarkedStop,
    StopMarks,
    ZeroGPU,
    find_decorator,
    is_zero_gpu,
    open_on_zero_gpu,
)

TEXTS = ["Prices rise", "ලංකාව දිනයි", "The cup final"]
HELLO = [Message("user", "Hello")]
LONG = Decoding(max_new_tokens=500, repetition_penalty=1.2)
ABORTED = "GPU task aborted"


def failure(message):
    return gr.Error(message, title="ZeroGPU worker error", print_exception=False)


class Spaces:
    """`spaces.GPU` as its version 0.51.3 works (zero/wrappers.py), without scheduling, and each time anew.

    The function runs in a thread of a forked process. What it is given and gives passes as pickles; an error
    that is not Gradio's comes as one of Gradio's with the name of its class; whether a reader has gone is
    looked at after the next value.
    """

    def __init__(self):
        self.durations = []
        self.refusal = None
        self.processes = []
        self.handed_on = multiprocessing.Value("i", 0)

    def GPU(self, *, duration):
        self.durations.append(duration)
        return self.decorate

    def decorate(self, task):
        def call(*arguments, **options):
            items = self.run(task, arguments, options)
            return next(items)

        def generate(*arguments, **options):
            yield from self.run(task, arguments, options)

        return generate if inspect.isgeneratorfunction(task) else call

    def run(self, task, arguments, options):
        if self.refusal:
            raise self.refusal
        fork = multiprocessing.get_context("fork")
        (given, give), (results, result) = fork.Pipe(duplex=False), fork.Pipe(duplex=False)
        gone = fork.Event()
        process = fork.Process(target=self.work, args=(task, given, result, gone), daemon=True)
        process.start()
        self.processes.append(process)
        result.close()
        give.send((arguments, options))
        try:
            while (message := results.recv()) is not None:
                kind, value = message
                if kind == "error":
                    raise value
                yield value
        except EOFError:
            raise failure(ABORTED) from None
        except GeneratorExit:
            gone.set()
            raise
        finally:
            process.join()

    def work(self, task, given, result, gone):
        torch.set_num_threads(1)
        arguments, options = given.recv()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self.answer, task, arguments, options, result, gone).result()
        result.send(None)

    def answer(self, task, arguments, options, result, gone):
        torch.set_num_threads(1)
        try:
            values = task(*arguments, **options)
            for value in values if inspect.isgenerator(values) else [values]:
                if gone.is_set():
                    values.close()
                    break
                result.send(("value", value))
                self.handed_on.value += 1
        except Exception as error:  # noqa: BLE001 - as it is done there
            result.send(("error", error if isinstance(error, gr.Error) else failure(type(error).__name__)))


@pytest.fixture
def spaces():
    return Spaces()


@pytest.fixture
def sessions(spaces, tiny_checkpoints):
    return open_on_zero_gpu(tiny_checkpoints, spaces.GPU, gr.Error, device="cpu")


@pytest.fixture
def chatting(spaces, chat_checkpoints):
    return open_on_zero_gpu(chat_checkpoints, spaces.GPU, gr.Error, device="cpu")[0]


def same(answer, expected):
    assert answer.label == expected.label
    assert answer.scores == pytest.approx(expected.scores, abs=1e-5)
    assert answer.layer_weights == pytest.approx(expected.layer_weights, abs=1e-5)


def test_texts_and_lanes_are_answered_as_by_a_local_session(sessions, spaces, tiny_checkpoints):
    ours, local = sessions[0], Session(tiny_checkpoints)
    for text in TEXTS:
        same(ours.classify(text, "news"), local.classify(text, "news"))
    assert len({process.pid for process in spaces.processes} - {os.getpid()}) == len(TEXTS)
    rows = read_lines("\n".join(TEXTS), ("text",))
    found, expected = (
        {row.index: row for row in session.classify_many(rows, "news", batch_size=2)}
        for session in (ours, local)
    )
    assert found.keys() == expected.keys() == {0, 1, 2}
    for index, row in found.items():
        same(row.classification, expected[index].classification)
    lanes = [Lane("news-second"), Lane("news-second", last_layer_only=True), Lane(LLM_ALONE)]
    for answer, wanted in zip(
        ours.compare("x y", "news", lanes), local.compare("x y", "news", lanes), strict=True
    ):
        assert answer.scores == pytest.approx(wanted.scores, abs=1e-5)
    assert spaces.durations == [DURATION, DURATION]


def test_layers_are_measured_as_by_a_local_session(sessions, tiny_checkpoints):
    ours, local = sessions[1], LayerSession(Session(tiny_checkpoints))
    for found, wanted in zip(ours.profiles([["x y"], ["z"]]), local.profiles([["x y"], ["z"]]), strict=True):
        assert found.profile.weights == pytest.approx(wanted.profile.weights, abs=1e-5)
    found, wanted = (list(each.mask(["x y"], masked=1, draws=9, seed=3)) for each in (ours, local))
    assert [step.done for step in found] == [step.done for step in wanted]
    assert found[-1].summary["masked"][0]["layers"] == wanted[-1].summary["masked"][0]["layers"]


def test_a_chat_is_that_of_a_local_session_token_by_token(chatting, chat_checkpoints):
    message, decoding = [Message("user", TEXTS[1])], Decoding(max_new_tokens=20)
    found, wanted = (
        [(update.answer, update.done) for update in session.chat(message, decoding=decoding)]
        for session in (chatting, Session(chat_checkpoints))
    )
    assert found == wanted
    assert len(found) > 2


def test_stop_ends_a_chat_with_what_there_is(chatting, spaces):
    stop, updates = Event(), []
    for update in chatting.chat(HELLO, decoding=LONG, stop=stop):
        updates.append(update)
        if len(updates) == 2:
            stop.set()
    assert len(updates) < 400
    assert (updates[-1].done, updates[-1].turn.stopped) == (True, True)
    assert updates[-1].turn.answer.startswith(updates[1].answer)
    # The same place stops nobody else.
    *_, last = chatting.chat(HELLO, decoding=Decoding(max_new_tokens=3), stop=Event())
    assert not last.turn.stopped


def test_a_reader_who_goes_ends_the_work(chatting, spaces):
    updates = chatting.chat(HELLO, decoding=LONG)
    next(updates)
    updates.close()
    (process,) = spaces.processes
    assert process.exitcode == 0
    assert spaces.handed_on.value < 400


def test_errors_of_ours_come_as_they_are(sessions):
    session, layers = sessions
    with pytest.raises(InputError, match="There is no text to read"):
        session.classify(" ", "news")
    with pytest.raises(CheckpointError, match="Did you mean 'news-second'"):
        session.classify("x", "news", "news-secnd")
    with pytest.raises(InputError, match="masked must be at least 1"):
        list(layers.mask(["x"], masked=0, draws=1))
    with pytest.raises(ConfigError, match="last-layer"):
        list(layers.mask(["x"], "news-first", masked=1, draws=1))


class Title(str):
    """A message that is HTML and says something else as a text, as some of those of `spaces`."""

    def __str__(self):
        return "No GPU was available after 60s"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            gr.Error("You have exceeded your free quota.", title="ZeroGPU quota exceeded"),
            "ZeroGPU quota exceeded: You have exceeded your free quota.",
        ),
        (
            gr.Error(Title("<a>No GPU</a>"), title="ZeroGPU queue timeout"),
            "ZeroGPU queue timeout: No GPU was available after 60s",
        ),
    ],
)
def test_what_spaces_refuses_is_told_in_its_words(sessions, spaces, refusal, said):
    session, layers = sessions
    spaces.refusal = refusal
    asked = [
        lambda: session.classify("x", "news"),
        lambda: list(session.compare("x", "news", [Lane(LLM_ALONE)])),
        lambda: layers.profiles([["x"]]),
    ]
    for ask in asked:
        with pytest.raises(ModelError) as raised:
            ask()
        assert str(raised.value) == said


class Failing(Session):
    """Fails in ways that are no refusals."""

    def classify(self, *arguments, **options):
        raise RuntimeError("of the inside")

    def chat(self, *arguments, **options):
        yield next(super().chat(*arguments, **options))
        os._exit(9)


def test_a_failure_and_a_process_that_dies_are_told(spaces, chat_checkpoints):
    gpu = ZeroGPU(Failing(chat_checkpoints), spaces.GPU, gr.Error)
    session = RemoteSession(gpu, chat_checkpoints, at_once=1)
    with pytest.raises(ModelError, match=r"^ZeroGPU worker error: RuntimeError$"):
        session.classify("x", "news")
    updates = session.chat(HELLO)
    assert next(updates).answer is not None
    with pytest.raises(ModelError, match=f"^ZeroGPU worker error: {ABORTED}$"):
        next(updates)


def test_a_used_up_quota_loses_no_conversation(chatting, spaces):
    demo = app.build_demo(chatting)
    answer = next(function.fn for function in demo.fns.values() if function.name == "answer")
    settings = ["Words", "weight", MOST_USED, "", 0.0, 1.0, 8, 1.0, 1, None, False]

    def say(text, before):
        *_, update, _ = answer(Running(text, before, before), *settings)  # the last one brings nothing
        return {
            "conversation"
            if isinstance(value, list) and isinstance(block, gr.State)
            else block.elem_id: value
            for block, value in update.items()
        }

    said = say("first", [])["conversation"]
    spaces.refusal = gr.Error("Try again in 1:00:00.", title="ZeroGPU quota exceeded")
    update = say("second", said)
    assert "ZeroGPU quota exceeded: Try again in 1:00:00." in update["chat-problem"].value
    assert update["message"] == "second"
    assert update["talk"][0]["content"] == "first"


def test_all_is_loaded_before_it_is_asked(sessions, chatting, monkeypatch):
    # In the forked processes, too.
    monkeypatch.setattr("fusion_demo.checkpoint_folder.load_checkpoint", None)
    for role in ("load_encoder", "load_llm"):
        monkeypatch.setattr(f"fusion_demo.frozen.{role}", None)
    session = sessions[0]
    for info in session.checkpoints():
        second = "two" if info.task == "xnli" else ""
        assert session.classify("one", info.task, info.name, second).label
    assert next(session.compare("x", "news", [Lane(LLM_ALONE)])).label
    for info in chatting.chat_checkpoints():
        assert next(chatting.chat(HELLO, checkpoint=info.name)) is not None


@pytest.mark.parametrize(
    ("value", "on"), [("true", True), ("1", True), ("T", True), ("false", False), ("", False), ("yes", False)]
)
def test_the_variable_is_read_as_spaces_reads_it(value, on):
    assert is_zero_gpu({"SPACES_ZERO_GPU": value}) == on
    assert not is_zero_gpu({})


def test_without_the_package_it_is_said_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.raises(ConfigError, match=r"package spaces is missing.*pip install spaces.*--device cpu"):
        find_decorator()


def test_a_mark_is_seen_where_it_is_set_and_nowhere_else():
    marks = StopMarks(2)
    with marks.place() as first, marks.place() as second:
        stop, other = MarkedStop(marks, first), MarkedStop(marks, second)
        marks.set(first)
        assert (stop.is_set(), other.is_set()) == (True, False)
        other.set()
        assert other.is_set()
        assert not marks.is_set(second)
    with marks.place() as again, marks.place():
        assert not MarkedStop(marks, again).is_set()
