"""What becomes of an error that a visitor can mend."""

import gradio as gr

from fusion_demo.errors import InputError
from fusion_demo.ui.refusal import refusal


def test_the_sentence_is_shown_and_no_traceback_is_logged():
    refused = refusal(InputError("There is no text to read."))
    assert isinstance(refused, gr.Error)
    assert refused.message == "There is no text to read."
    assert not refused.print_exception
