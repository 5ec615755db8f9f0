"""The page: `python app.py`, then open the address it prints."""

import argparse
import sys
from pathlib import Path

import gradio as gr

from fusion_demo.errors import FusionDemoError
from fusion_demo.session import Session
from fusion_demo.ui.chat import chat_tab
from fusion_demo.ui.classify import classify_tab, no_checkpoint_page
from fusion_demo.ui.endpoint import chat_endpoint, classify_endpoint
from fusion_demo.ui.theme import CSS, THEME

CHECKPOINTS = Path(__file__).parent / "checkpoints"
TITLE = "Fusion Demo"
INTRODUCTION = f"""# {TITLE}
Write in any language. A frozen multilingual encoder reads it, a small bridge trained on English alone
mixes all of the encoder's layers, and a frozen English LLM answers."""

LAUNCH_OPTIONS = {
    "theme": THEME,
    "css": CSS,
    "footer_links": ["api", "settings"],
    "run_history": False,
    "quiet": True,
    "prevent_thread_lock": True,
}


def build_demo(session: Session) -> gr.Blocks:
    """Build the page for a session.

    Raises:
        CheckpointError: a checkpoint is damaged, or the default one is not there.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False) as demo:
        gr.Markdown(INTRODUCTION)
        if session.chat_checkpoints():
            with gr.Tab("Chat"):
                chat_tab(session)
        if session.checkpoints():
            with gr.Tab("Classify"):
                classify_tab(session)
        elif not session.chat_checkpoints():
            no_checkpoint_page(session.folder.name)
        if session.chat_checkpoints():
            chat_endpoint(session)
        classify_endpoint(session)
    return demo.queue(max_size=32)


def main() -> None:
    """Start the server, print its address, load the models while the page already opens."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--checkpoints", type=Path, default=CHECKPOINTS, help="folder with one checkpoint a subfolder")
    add("--default-checkpoint", help="checkpoint to start with (default: best on the dev sets)")
    add("--device", default="cpu", help="where the models run, as cpu or cuda:0")
    add("--host", help="address to listen at (default: $GRADIO_SERVER_NAME or 127.0.0.1)")
    add("--port", type=int, help="port (default: $GRADIO_SERVER_PORT or the first free one from 7860)")
    options = parser.parse_args()
    try:
        session = Session(
            options.checkpoints, device=options.device, default_checkpoint=options.default_checkpoint
        )
        demo = build_demo(session)
        demo.launch(server_name=options.host, server_port=options.port, **LAUNCH_OPTIONS)
        print(f"{TITLE} is at {demo.local_url} (Ctrl-C ends it)", flush=True)
        session.warm_up()
    except (FusionDemoError, OSError) as error:  # OSError: the port is taken
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:  # while the models load; later, Gradio catches it
        sys.exit(130)
    demo.block_thread()


if __name__ == "__main__":
    main()
