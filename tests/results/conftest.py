"""Small metrics of every kind: checkpoints without tensors, a probe, a comparison, layers."""

import json
from pathlib import Path

import pytest

from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import save_checkpoint
from fusion_demo.config import BridgeConfig, TrainConfig
from fusion_demo.evaluation import build_report, score_language
from fusion_demo.presets import PRESETS


def scored(correct, n=100):
    return score_language(["a"] * n, ["a"] * correct + ["b"] * (n - correct))


def reported(task="news", split="test", **correct):
    languages = {code: scored(number) for code, number in correct.items()}
    return build_report(task, split, languages) | {"command": f"evaluate --split {split}"}


@pytest.fixture(name="scored")
def scored_fixture():
    """Builds the result of one language from the number of right answers."""
    return scored


@pytest.fixture(name="reported")
def reported_fixture():
    """Builds a report of `evaluate` from the number of right answers, of 100, by language."""
    return reported


@pytest.fixture
def write_checkpoint(tmp_path):
    """Writes a checkpoint without tensors into the folder `checkpoints`."""

    def write(name, metrics, *, fusion="last-layer", task="news", **training):
        info = CheckpointInfo(
            folder=tmp_path / "checkpoints" / name,
            task=task,
            bridge=BridgeConfig(**PRESETS["tiny"], fusion=fusion),
            training=TrainConfig(task=task, output=f"checkpoints/{name}", **training),
            command=f"train {name}",
            data={"description": "sentences", "licence": "none", "licence_id": "other"},
            fingerprints={"encoder": "0", "llm": "0"},
            metrics={"training": {"examples": 18_000, "updates": 1125}, **metrics},
        )
        save_checkpoint(info, {})

    return write


@pytest.fixture
def write_metrics(tmp_path):
    """Writes a file into the folder `metrics`; returns its path."""

    def write(name, content) -> Path:
        path = tmp_path / "metrics" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def probe():
    return {
        "system": "linear probe",
        "description": "standardised features and C = 0.1",
        **reported(en=88, hi=65, si=71, ta=60),
        "command": "probe it",
    }


def difference(verdict, **changes):
    return {
        "n": 300,
        "accuracy_a": 0.75,
        "accuracy_b": 0.708,
        "difference": 0.042,
        "interval": [0.01, 0.073],
        "only_a": 20,
        "only_b": 8,
        "p_value": 0.0123,
        "adjusted_p_value": 0.0246,
        "verdict": verdict,
        **changes,
    }


@pytest.fixture
def comparison():
    means = {"all": {"languages": ["en", "si"], **difference("A better", p_value=0.0002)}}
    languages = {"en": difference("not separable"), "si": difference("B better")}
    return {
        "task": "news",
        "split": "test",
        "score": "likelihood",
        "rows": "independent",
        "pairs": [{"a": "transformer", "b": "last", "languages": languages, "means": means}],
        "command": "compare runs/a runs/b",
    }


@pytest.fixture
def layer_report():
    def use(*weights):
        return {"n": 200, "weights": list(weights), "shares": list(weights[::-1])}

    def curve(*changes):
        return {"change": list(changes), "interval": [[c - 0.5 for c in changes], [c + 0.5 for c in changes]]}

    return {
        "checkpoint": "news-first",
        "task": "news",
        "split": "dev",
        "layers": [0, 1, 2],
        "languages": {"en": use(0.1, 0.2, 0.7), "si": use(0.2, 0.3, 0.5)},
        "faithfulness": {
            "masked": 2,
            "draws": 3,
            "mean": {
                "n": 100,
                "most_used": curve(-1.0, -2.0),
                "random": curve(-0.25, -0.5),
                "gap": curve(-0.75, -1.5),
            },
        },
        "command": "layers --checkpoint checkpoints/news-first",
    }


@pytest.fixture
def rows_of():
    """Returns the tables below a heading of a page as lists of cells."""

    def read(page, heading):
        section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
        return [
            [part.strip() for part in line.strip("|").split("|")]
            for line in section.splitlines()
            if line.startswith("|") and "---" not in line
        ]

    return read
