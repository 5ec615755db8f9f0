"""An answer as it is being written."""

import threading

import pytest
import torch

from fusion_demo.pretrained.tiny import build_tiny_llm
from fusion_demo.streaming import TokenStreamer, Written, read_from_thread


def test_results_come_in_order_and_from_another_thread():
    def work(emit):
        for number in range(3):
            emit(number)
        emit(threading.current_thread())

    *numbers, thread = read_from_thread(work, threading.Event())
    assert numbers == [0, 1, 2]
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


def test_nothing_is_a_result_too():
    assert list(read_from_thread(lambda emit: emit(None), threading.Event())) == [None]


def test_a_failure_reaches_the_reader_behind_what_came_before_it():
    def work(emit):
        emit(1)
        raise RuntimeError("lost")

    results = read_from_thread(work, threading.Event())
    assert next(results) == 1
    with pytest.raises(RuntimeError, match="lost"):
        next(results)


def test_closing_asks_the_work_to_end():
    stop = threading.Event()

    def work(emit):
        emit(1)
        assert stop.wait(30)

    results = read_from_thread(work, stop)
    next(results)
    results.close()
    assert stop.is_set()


def test_a_slow_reader_gets_nothing_of_what_was_handed_on_before_a_stop():
    stop, written, ended = threading.Event(), threading.Event(), threading.Event()

    def work(emit):
        for number in range(4):
            emit(number)
        written.set()
        assert stop.wait(30)
        emit("what there is")
        ended.set()

    results = read_from_thread(work, stop)
    assert next(results) == 0
    assert written.wait(30)
    assert next(results) == 1
    stop.set()
    assert ended.wait(30)
    assert list(results) == ["what there is"]


def test_it_may_be_read_from_several_threads():
    results = read_from_thread(lambda emit: [emit(number) for number in range(3)], threading.Event())
    read = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: read.append(next(results)))
        thread.start()
        thread.join()
    assert read == [0, 1, 2]


def test_a_character_is_held_back_until_it_is_whole():
    tokenizer = build_tiny_llm()[1]
    ids = tokenizer.encode("aල", add_special_tokens=False)  # one byte, then three
    assert len(ids) == 4
    seen = []
    streamer = TokenStreamer(tokenizer, seen.append)
    streamer.put(torch.empty(1, 0, dtype=torch.long))
    for token in [*ids, tokenizer.eos_token_id]:
        streamer.put(torch.tensor([token]))
    streamer.end()
    assert seen == [Written("a", 1), Written("a", 2), Written("a", 3), Written("aල", 4), Written("aල", 5)]
