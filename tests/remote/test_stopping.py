"""A visitor's Stop, handed on."""

from threading import Event

from fusion_demo.remote import passed_on


def test_a_stop_is_handed_on_once():
    stop, told = Event(), Event()
    calls = []
    with passed_on(stop, lambda: (calls.append(1), told.set())):
        stop.set()
        assert told.wait(60)
    assert calls == [1]


def test_without_a_stop_nothing_is_handed_on():
    calls = []
    with passed_on(Event(), lambda: calls.append(1)):
        pass
    with passed_on(None, lambda: calls.append(1)):
        pass
    assert calls == []
