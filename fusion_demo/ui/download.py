"""A file made on the server and saved by the browser, without leaving a copy on the server."""

import time
from typing import Any

import gradio as gr

SAVE_JS = """
watch('value', () => {
    const file = props.value;
    if (!file || !file.name) return;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([file.text], {type: file.type}));
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});
"""

TYPES = {"csv": "text/csv", "json": "application/json", "html": "text/html"}


def download_slot(elem_id: str) -> gr.HTML:
    """Return an empty component that saves the file it is given, from `file_to_save`."""
    return gr.HTML(
        None,
        html_template="<span></span>",
        js_on_load=SAVE_JS,
        elem_id=elem_id,
        elem_classes="download-slot",
        apply_default_css=False,
    )


def file_to_save(name: str, text: str) -> dict[str, Any]:
    """Return what a `download_slot` saves.

    Args:
        name: Name of the file; its ending, a key of `TYPES`, says what it is.
        text: Its content.
    """
    # The time makes two equal files two values; without it the second would be no change.
    return {"name": name, "type": TYPES[name.rpartition(".")[2]], "text": text, "made": time.time_ns()}
