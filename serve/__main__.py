"""The page over several processes: `python -m serve --replicas 2`; all options of `app.py` are taken too."""

import argparse
import os
import signal
import sys
from pathlib import Path

from app import CHECKPOINTS, build_demo, launch
from fusion_demo.errors import FusionDemoError
from fusion_demo.input_text import limit_characters
from fusion_demo.session import Session
from fusion_demo.settings import Settings, read_settings
from fusion_demo.ui.page import TITLE
from fusion_demo.ui.protection import keep_files_private

try:
    from serve.cluster import keep_to_oneself, start_replicas
    from serve.options import ReplicaOptions
    from serve.remote_session import RemoteLayerSession, RemoteSession
except ModuleNotFoundError as missing:
    if missing.name != "ray":
        raise
    sys.exit("error: Several processes need more packages. Run: pip install -r requirements-serve.txt")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the options that are not those of `app.py`."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--replicas", type=int, default=2, help="processes that answer (default: 2)")
    parser.add_argument(
        "--max-replicas",
        type=int,
        default=0,
        metavar="N",
        help="how many there may be while many visitors wait (default: as many as --replicas)",
    )
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="of each one (default: the cores, shared out)"
    )
    parser.add_argument(
        "--address", default="", help="of a Ray cluster that runs, as auto (default: this machine alone)"
    )
    return parser


def replica_options(own: argparse.Namespace, settings: Settings) -> ReplicaOptions:
    """Return how the replicas run.

    Raises:
        ConfigError: a number is out of its range.
    """
    most = max(own.replicas, own.max_replicas, 1)
    return ReplicaOptions(
        checkpoints=os.path.abspath(settings.checkpoints or CHECKPOINTS),  # noqa: PTH100 - links stay links
        device=settings.device or "cpu",
        default_checkpoint=settings.default_checkpoint,
        preset=settings.preset,
        translator=settings.translator,
        compiled=settings.compiled,
        max_characters=settings.max_characters,
        replicas=own.replicas,
        max_replicas=own.max_replicas,
        threads=own.threads or max(1, (os.cpu_count() or 1) // most),
    )


def _check(options: ReplicaOptions, *, on_this_machine: bool) -> None:
    """Refuse, before anything is started, what every replica would stumble over."""
    device = options.device if on_this_machine else "cpu"
    name = options.default_checkpoint or None
    session = Session(
        Path(options.checkpoints), device=device, default_checkpoint=name, preset=options.preset
    )
    session.check_checkpoints()


def main() -> None:
    """Start the replicas, then the page, and print its address."""
    own, rest = build_parser().parse_known_args()
    try:
        settings = read_settings(__doc__, rest, os.environ)
        options = replica_options(own, settings)
        limit_characters(settings.max_characters)
        _check(options, on_this_machine=not own.address)
        with start_replicas(options, address=own.address) as replicas:
            # Ray has taken it for itself, and would report a crash.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            session = RemoteSession(replicas, options)
            layers = RemoteLayerSession(session, replicas)
            demo = build_demo(session, layers=layers, queue_length=settings.queue_length)
            launch(demo, settings)
            print(f"{TITLE} is at {demo.share_url or demo.local_url} (Ctrl-C ends it)", flush=True)
            demo.block_thread()
    except (FusionDemoError, OSError) as error:  # OSError: the port is taken
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:  # while the replicas start; later, Gradio catches it
        sys.exit(130)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the replicas end with the program
    keep_files_private(os.environ)
    keep_to_oneself(os.environ)
    main()
