"""Updates of a handler that yields, put together as Gradio's page does it: in place."""

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from fusion_demo.ui.streaming import StreamingBlocks

LABEL = {"label": "world", "confidences": [{"label": "world", "confidence": 0.9}]}
SKIP = {"__type__": "update"}


def messages(demo: gr.Blocks, updates: list[list[Any]]) -> list[list[Any]]:
    """Return what the server sends of some updates."""
    handler = SimpleNamespace(outputs=[object()] * len(updates[0]))
    return [
        demo.handle_streaming_diffs(handler, deepcopy(update), "visitor", "run", False) for update in updates
    ]


def received(sent: list[list[Any]]) -> list[list[Any]]:
    """Return the values of each message; edits are applied in place, as the page's own code does."""
    shown = [sent[0]]
    for message in sent[1:]:
        shown.append([edited(old, edits) for old, edits in zip(shown[-1], message, strict=True)])
    return shown


def edited(value: Any, edits: list[Any]) -> Any:
    for action, path, new in edits:
        if not path:
            value = new if action == "replace" else value + new
            continue
        inner = value
        for key in path[:-1]:
            inner = inner[key]
        if action == "delete":
            del inner[path[-1]]
        elif action == "append":
            inner[path[-1]] += new
        elif action == "add" and isinstance(inner, list):
            inner.insert(path[-1], new)
        else:
            inner[path[-1]] = new
    return value


UPDATES = {
    "an object, then nothing new": [[LABEL], [SKIP], [SKIP]],
    "nothing new, then an object": [[SKIP], [LABEL], [SKIP]],
    "properties, then nothing new": [[{**SKIP, "value": LABEL}], [SKIP]],
    "a list, then nothing new": [[["a"]], [["a", "b"]], [SKIP]],
    "a text that grows, then nothing new": [["a"], ["ab"], [SKIP], ["abc"]],
    "two components": [["a", LABEL], [SKIP, LABEL], ["b", SKIP]],
}


@pytest.mark.parametrize("updates", UPDATES.values(), ids=UPDATES)
def test_the_newest_value_of_a_component_is_whole_after_all_updates(updates):
    with StreamingBlocks() as demo:
        pass
    got = received(messages(demo, updates))
    for place in range(len(updates[0])):
        newest = max(number for number, update in enumerate(updates) if update[place] != SKIP)
        assert got[newest][place] == updates[newest][place]


def test_gradio_itself_empties_the_object():
    """Once this fails, Gradio does it better, and `StreamingBlocks` can go."""
    with gr.Blocks() as demo:
        pass
    assert received(messages(demo, [[LABEL], [SKIP]]))[0] == [SKIP]


def test_a_list_that_grows_is_sent_by_what_is_new():
    with StreamingBlocks() as demo:
        pass
    assert messages(demo, [[["a"]], [["a", "b"]]])[1] == [[["add", [1], "b"]]]


def test_the_last_message_repeats_the_update_before_as_gradio_has_it():
    with StreamingBlocks() as demo:
        pass
    messages(demo, [[SKIP], [LABEL]])
    handler = SimpleNamespace(outputs=[object()])
    assert demo.handle_streaming_diffs(handler, [SKIP], "visitor", "run", True) == [LABEL]
    assert demo.pending_diff_streams == {}
