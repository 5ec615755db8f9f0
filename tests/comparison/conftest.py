from pathlib import Path

import pytest

from fusion_demo.evaluation.predictions import PredictionRow, PredictionRun, RunDescription
from fusion_demo.tasks import get_task


@pytest.fixture
def make_run():
    """Builds a run of news from which rows were right: language code -> string of "1" and "0"."""

    def make(system, *, folder="", task="news", answers=None, labels=None, **changes):
        names = get_task(task).labels
        right = changes.pop("right")
        languages = {}
        for code, marks in right.items():
            rows = []
            for number, mark in enumerate(marks):
                gold, wrong = names[number % len(names)], names[(number + 1) % len(names)]
                answer = None if answers is None else answers[number % len(answers)]
                label = gold if mark == "1" else wrong
                rows.append(
                    PredictionRow(row=number, gold=gold, label=label, log_likelihoods=(), answer=answer)
                )
            languages[code] = rows
        description = RunDescription(
            system=system,
            task=task,
            split=changes.get("split", "test"),
            seed=changes.get("seed", 0),
            max_examples=changes.get("max_examples", 0),
            scores=("likelihood",) if answers is None else ("likelihood", "generation"),
            labels=labels or names,
            details={},
            data=changes.get("data", {c: {"rows": len(r), "sha256": "0"} for c, r in languages.items()}),
            command="evaluate",
        )
        return PredictionRun(Path("runs") / (folder or system), description, languages)

    return make
