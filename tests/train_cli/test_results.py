"""The command; what the page holds is tested in tests/results."""

import json
from pathlib import Path

import pytest

from fusion_demo.evaluation import build_report, score_language
from fusion_demo.results import read_results, render_pages
from train_cli.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folders(tmp_path):
    """A baseline's metrics file, and no checkpoint."""
    report = build_report("news", "test", {"si": score_language(["a"] * 9, ["a"] * 5 + ["b"] * 4)})
    (tmp_path / "metrics").mkdir()
    content = json.dumps(
        report | {"system": "llm-alone", "description": "as it is", "command": "evaluate it"}
    )
    (tmp_path / "metrics" / "news-llm-alone.json").write_text(content, encoding="utf-8")
    return tmp_path


def results(folders, *options):
    return main(
        [
            "results",
            f"--checkpoints={folders / 'checkpoints'}",
            f"--metrics={folders / 'metrics'}",
            f"--output={folders / 'results.md'}",
            *options,
        ]
    )


def test_page_is_what_the_library_renders(folders):
    assert results(folders) == 0
    sections = read_results(folders / "checkpoints", folders / "metrics")
    pages = render_pages(sections)
    assert list(pages) == ["results.md", "results/news.md"]
    assert {name: (folders / name).read_text(encoding="utf-8") for name in pages} == pages
    assert "llm-alone | likelihood | 55.6" in pages["results/news.md"]
    assert "| llm-alone | 55.6" in pages["results.md"]


@pytest.mark.parametrize("kind", ["scores", "compare", "layers", "writing"])
def test_check_passes_on_a_fresh_page_and_fails_on_a_stale_one(folders, capsys, kind):
    assert results(folders, "--check") == 2
    assert not (folders / "results.md").exists()
    assert results(folders) == 0
    assert results(folders, "--check") == 0
    fresh = {path: path.read_bytes() for path in folders.rglob("*.md")}
    content = {
        "scores": ("news-llm-alone.json", None),
        "compare": (
            "compare-a.json",
            {"task": "news", "split": "test", "score": "likelihood", "rows": "parallel", "pairs": []},
        ),
        "writing": (
            "echo-a.json",
            {"task": "echo", "system": "llm-alone", "languages": {}, "command": "echo it"},
        ),
        "layers": (
            "layers-a.json",
            {
                "task": "news",
                "split": "dev",
                "checkpoint": "a",
                "layers": [],
                "languages": {},
                "faithfulness": None,
            },
        ),
    }
    name, value = content[kind]
    path = folders / "metrics" / name
    if value is None:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("evaluate it", "evaluate them"), encoding="utf-8")
    else:
        path.write_text(json.dumps({**value, "command": "make it"}), encoding="utf-8")
    capsys.readouterr()
    assert results(folders, "--check") == 2
    assert ".md is not up to date. Run `python -m train_cli results`." in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folders.rglob("*.md")} == fresh


def test_a_damaged_file_is_named(folders, capsys):
    (folders / "metrics" / "compare-a.json").write_text("[]", encoding="utf-8")
    assert results(folders) == 2
    assert (
        "compare-a.json is no metrics file of `compare`. Make it again, or remove it."
        in capsys.readouterr().err
    )


def test_committed_pages_are_up_to_date_and_short_enough_to_read():
    pages = render_pages(read_results(ROOT / "checkpoints", ROOT / "docs" / "metrics"))
    docs = ROOT / "docs"
    written = [docs / "results.md", *(docs / "results").iterdir()]
    assert {str(path.relative_to(docs)): path.read_text(encoding="utf-8") for path in written} == pages
    assert len(pages["results.md"].encode()) <= 25_000
