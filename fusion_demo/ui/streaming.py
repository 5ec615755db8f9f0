"""Answers that are shown bit by bit: what Gradio sends, so that its page loses none of the bits."""

from typing import Any

import gradio as gr
from gradio.utils import is_prop_update


class StreamingBlocks(gr.Blocks):
    """`gr.Blocks` whose components keep what one update brought when the next leaves them alone.

    Gradio (6.31) sends every update of a handler that yields as its difference to the one before. The page
    applies the difference in place, to the very object that the component was given: a plot, a label or any
    other value that is an object, followed by "nothing new", loses its members one by one. A page that has
    drawn it by then does not notice; a busy one draws nothing. Here "nothing new", and whatever follows it,
    takes the place of the object instead of changing it.
    """

    def handle_streaming_diffs(
        self,
        block_fn: Any,
        data: list[Any],
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> list[Any]:
        """Return what is sent of an update: the first and the last whole, others as lists of edits."""
        before = list(self.pending_diff_streams.get(session_hash, {}).get(run, []))
        after = list(data)
        sent = super().handle_streaming_diffs(block_fn, data, session_hash, run, final, simple_format)
        if final or simple_format:
            return sent
        for place, (old, new) in enumerate(zip(before, after, strict=False)):
            if (is_prop_update(old) or is_prop_update(new)) and sent[place]:
                sent[place] = [["replace", [], new]]
        return sent
