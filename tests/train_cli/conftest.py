"""The examples that a tiny training learns from; a module may have others of its own."""

import json

import pytest

from tests.train_cli.tiny_training import LABELS


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for split, rows in (("train", 44), ("dev", 9)):
        lines = [{"text": f"{LABELS[i % 3]} story {i}", "label": LABELS[i % 3]} for i in range(rows)]
        for language in ("en", "si"):
            (folder / f"{split}.{language}.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    return folder
