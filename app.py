"""The page: `python app.py`, then open the address it prints."""

import importlib.util
import os
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from fusion_demo.errors import ConfigError, FusionDemoError
from fusion_demo.input_text import limit_characters
from fusion_demo.layer_session import LayerSession
from fusion_demo.many_texts import MAX_FILE_BYTES
from fusion_demo.memory import bound_malloc
from fusion_demo.session import Session
from fusion_demo.settings import Origin, Settings, read_settings
from fusion_demo.ui.call_sessions import SESSIONS_KEPT
from fusion_demo.ui.page import TITLE, build_page
from fusion_demo.ui.protection import keep_files_private, protected
from fusion_demo.ui.theme import CSS, THEME
from fusion_demo.ui.translations import I18N
from fusion_demo.zero_gpu import DEVICE, find_decorator, is_zero_gpu, open_on_zero_gpu

CHECKPOINTS = Path(__file__).parent / "checkpoints"
METRICS = Path(__file__).parent / "docs" / "metrics"

LAUNCH_OPTIONS = {
    "max_file_size": MAX_FILE_BYTES,
    "theme": THEME,
    "css": CSS,
    "i18n": I18N,
    "footer_links": ["api", "settings"],
    "run_history": False,
    "state_session_capacity": SESSIONS_KEPT,
    "quiet": True,
    "prevent_thread_lock": True,
}


def build_demo(
    session: Session,
    *,
    layers: LayerSession | None = None,
    metrics: Path = METRICS,
    queue_length: int = 32,
) -> gr.Blocks:
    """Build the page for a session.

    Args:
        session: Answers the page.
        layers: Measures layers; by default with the session's own models.
        metrics: Folder of the metrics files that are no checkpoint's; it may be missing.
        queue_length: Requests that may wait.

    Raises:
        CheckpointError: a checkpoint is damaged, or the default one is not there.
    """
    session.check_checkpoints()
    return build_page(session, metrics, layers).queue(max_size=queue_length)


def open_session(settings: Settings, environment: Mapping[str, str]) -> tuple[Session, LayerSession]:
    """Return what answers the page: on a ZeroGPU Space its GPU, unless the settings name another device.

    Raises:
        CheckpointError: on ZeroGPU, a checkpoint is damaged, or the default one is not there.
        ConfigError: there is no such device, or the package of ZeroGPU is missing.
        ModelError: on ZeroGPU, a frozen model cannot be loaded.
    """
    checkpoints = Path(settings.checkpoints) if settings.checkpoints else CHECKPOINTS
    options = {
        "default_checkpoint": settings.default_checkpoint or None,
        "preset": settings.preset,
        "translator": settings.translator,
    }
    if is_zero_gpu(environment) and settings.device in ("", DEVICE):
        return open_on_zero_gpu(checkpoints, find_decorator(), gr.Error, **options)
    session = Session(checkpoints, device=settings.device or "cpu", compiled=settings.compiled, **options)
    return session, LayerSession(session)


def serve(demo: gr.Blocks, *, share: bool = False, public: Collection[Origin] = (), **options: Any) -> None:
    """Start a server for a page, protected.

    Args:
        demo: The page.
        share: Give it a public address of Gradio's.
        public: Its own origins behind a proxy, see `Protection`.
        options: Those of `gr.Blocks.launch`.
    """
    demo.launch(**LAUNCH_OPTIONS, app_kwargs=protected(share=share, public=public), share=share, **options)


def launch(demo: gr.Blocks, settings: Settings) -> None:
    """Start the server.

    Raises:
        ConfigError: the MCP server is asked for, and cannot be had.
        OSError: the port is taken.
    """
    if settings.mcp and importlib.util.find_spec("mcp") is None:
        raise ConfigError("The MCP server needs one more package. Run: pip install -r requirements-mcp.txt")
    serve(
        demo,
        server_name=settings.host or None,
        server_port=settings.port or None,
        share=settings.share,
        public=settings.public_origins(),
        mcp_server=settings.mcp,
    )
    if settings.mcp and demo.mcp_error:
        raise ConfigError(demo.mcp_error)


def main() -> None:
    """Start the server, print its address, load the models while the page already opens."""
    try:
        settings = read_settings(__doc__, sys.argv[1:], os.environ)
        limit_characters(settings.max_characters)
        session, layers = open_session(settings, os.environ)
        demo = build_demo(session, layers=layers, queue_length=settings.queue_length)
        launch(demo, settings)
        print(f"{TITLE} is at {demo.share_url or demo.local_url} (Ctrl-C ends it)", flush=True)
        session.warm_up()
    except (FusionDemoError, OSError) as error:  # OSError: the port is taken
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:  # while the models load; later, Gradio catches it
        sys.exit(130)
    demo.block_thread()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that uploads go with the program then, too
    keep_files_private(os.environ)
    bound_malloc(os.environ)
    main()
