"""What a visitor or a program is told when a request cannot be answered."""

import gradio as gr

from fusion_demo.errors import FusionDemoError


def refusal(error: FusionDemoError) -> gr.Error:
    """Return what to raise in a handler: Gradio shows its message, and the server logs no traceback."""
    # A wrong request is no failure of the server.
    return gr.Error(str(error), print_exception=False)
