"""What several tests need: checkpoints of the tiny preset, and the page served from this process."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from fusion_demo.checkpoint import CheckpointInfo, save_checkpoint
from fusion_demo.config import BridgeConfig, TrainConfig, option_names
from fusion_demo.evaluation.report import build_report
from fusion_demo.frozen import FrozenModels
from fusion_demo.presets import preset_values

os.environ["HF_HUB_OFFLINE"] = "1"

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    # Workers, and the programs that they start, share the cores out.
    threads = max(1, (os.cpu_count() or 1) // workers)
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes of a sample the whole."""
    parser.addoption("--all", action="store_true", help="run every sweep whole, as `make test-all` does")


def pytest_configure(config: pytest.Config) -> None:
    """Set how many examples Hypothesis draws, before the modules that use it are read."""
    settings.register_profile("sample", max_examples=30, derandomize=True)
    settings.register_profile("all", max_examples=150)
    settings.load_profile("all" if config.getoption("--all") else "sample")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave of each test that is marked `sweep` the same few cases each time, unless all are asked for."""
    if config.getoption("--all"):
        return
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sweep"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left_out: set[pytest.Item] = set()
    for name, swept in cases.items():
        keep = swept[0].get_closest_marker("sweep").kwargs.get("keep", 0)
        left_out.update(random.Random(name).sample(swept, max(0, len(swept) - keep)))
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def sweep_size(pytestconfig):
    """How many of a sweep within one test: `sweep_size(whole, sample)`."""
    return lambda whole, sample: whole if pytestconfig.getoption("--all") else sample


def write_tiny_checkpoint(
    folder: Path,
    *,
    fusion: str,
    task: str,
    dev: float | None = None,
    loss: float | None = None,
    seed: int = 0,
    **options,
) -> None:
    """Write an untrained checkpoint of the tiny preset.

    `dev` is its mean non-English accuracy, `loss` that on the English dev texts; further options are those
    of the bridge.
    """
    tiny = {
        name: value for name, value in preset_values("tiny").items() if name in option_names(BridgeConfig)
    }
    config = BridgeConfig(**tiny | options, fusion=fusion)
    models = FrozenModels()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        bridge = models.build(config)
        for value in bridge.trained_state().values():
            value.normal_(std=0.5)
    metrics = {}
    if dev is not None:
        report = build_report(task, "dev", {"si": {"accuracy": dev, "n": 10, "interval": [0.0, 1.0]}})
        metrics["dev"] = {**report, "command": "python -m train_cli evaluate"}
    if loss is not None:
        metrics["training"] = {"dev_selection": {"en": {"loss": loss, "n": 10}}}
    info = CheckpointInfo(
        folder=folder,
        task=task,
        bridge=config,
        training=TrainConfig(task=task),
        command="python -m train_cli train",
        data={"description": "none", "licence": "none", "licence_id": "other"},
        fingerprints=models.fingerprints(config),
        metrics=metrics,
    )
    save_checkpoint(info, bridge.trained_state())


@pytest.fixture(scope="session")
def write_checkpoint():
    """`write_tiny_checkpoint`, for tests that need checkpoints of their own."""
    return write_tiny_checkpoint


@pytest.fixture(scope="session")
def tiny_models() -> FrozenModels:
    """The tiny preset's frozen models, shared by all tests: nobody may change them."""
    return FrozenModels()


@pytest.fixture
def make_bridge(tiny_models):
    """Builds a bridge of the tiny preset; keyword arguments override options. Same seed, same bridge."""

    def make(seed: int = 0, **options):
        tiny = {
            name: value for name, value in preset_values("tiny").items() if name in option_names(BridgeConfig)
        }
        torch.manual_seed(seed)
        bridge = tiny_models.build(BridgeConfig(**tiny | options))
        with torch.no_grad():
            for parameter in bridge.parameters():
                if parameter.requires_grad:
                    parameter.normal_(std=0.3)
        return bridge

    return make


@pytest.fixture(scope="session")
def tiny_checkpoints(tmp_path_factory) -> Path:
    """A folder of five checkpoints, of which `news-second` is the best on its dev sets."""
    root = tmp_path_factory.mktemp("checkpoints")
    write_tiny_checkpoint(root / "news-first", fusion="last-layer", task="news", dev=0.4)
    write_tiny_checkpoint(root / "news-second", fusion="transformer-softmax", task="news", dev=0.6)
    write_tiny_checkpoint(root / "news-third", fusion="global-softmax", task="news", dev=None)
    write_tiny_checkpoint(root / "topics", fusion="transformer-softmax", task="sib200", dev=0.5)
    write_tiny_checkpoint(root / "pairs", fusion="global-softmax", task="xnli", dev=0.3)
    return root


@pytest.fixture(scope="session")
def chat_checkpoints(tmp_path_factory) -> Path:
    """A folder of two checkpoints that can chat and one that cannot."""
    root = tmp_path_factory.mktemp("chat-checkpoints")
    words = {"soft_token_unit": "word", "sentence_tokens": 1}
    write_tiny_checkpoint(root / "echo-first", fusion="transformer-softmax", task="echo", loss=0.4)
    write_tiny_checkpoint(root / "echo-words", fusion="global-softmax", task="echo", loss=0.6, **words)
    write_tiny_checkpoint(root / "news", fusion="last-layer", task="news", dev=0.5)
    return root


@pytest.fixture(scope="session")
def page_address(tiny_checkpoints) -> Iterator[str]:
    """Address of the real page on this machine, with the tiny checkpoints."""
    yield from _serve(tiny_checkpoints)


@pytest.fixture(scope="session")
def chat_page_address(chat_checkpoints) -> Iterator[str]:
    """Address of the real page on this machine, with the tiny checkpoints that can chat."""
    yield from _serve(chat_checkpoints)


@pytest.fixture(scope="session")
def shipped_page_address() -> Iterator[str]:
    """Address of the real page on this machine, with the shipped checkpoints and the embedded models."""
    yield from _serve(Path(__file__).resolve().parents[1] / "checkpoints")


def _serve(checkpoints: Path) -> Iterator[str]:
    from app import build_demo, serve
    from fusion_demo.session import Session

    demo = build_demo(Session(checkpoints))
    serve(demo, server_name="127.0.0.1")
    yield demo.local_url
    demo.close()
