"""Kept reports of `layers`: found, read, and refused where they are damaged."""

import copy
import json
import logging
from pathlib import Path

import pytest

from fusion_demo.errors import DataError
from fusion_demo.layer_use import find_layer_reports, read_layer_report

METRICS = Path(__file__).resolve().parents[2] / "docs/metrics"
USE = {
    "n": 3,
    "weights": [0.25, 0.75],
    "weights_interval": [[0.2, 0.7], [0.3, 0.8]],
    "shares": [0.5, 0.5],
    "shares_interval": [[0.4, 0.4], [0.6, 0.6]],
}
REPORT = {"checkpoint": "news", "task": "news", "split": "dev", "layers": [0, 1], "languages": {"si": USE}}


def write(folder: Path, name: str, report) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(report), "utf-8")
    return path


def test_reports_of_all_folders_are_found_by_checkpoint_and_split(tmp_path):
    write(tmp_path / "metrics", "layers-news.json", REPORT)
    write(tmp_path / "metrics", "compare-news.json", {})
    write(tmp_path / "checkpoint", "layers.json", REPORT | {"split": "test"})
    found = find_layer_reports([tmp_path / "metrics", tmp_path / "checkpoint", tmp_path / "none"])
    assert list(found) == ["news · dev", "news · test"]
    assert found["news · dev"] == REPORT


def test_a_damaged_report_does_not_take_the_others_along(tmp_path, caplog):
    write(tmp_path, "layers-a.json", [])
    write(tmp_path, "layers-b.json", REPORT)
    with caplog.at_level(logging.WARNING):
        assert list(find_layer_reports([tmp_path])) == ["news · dev"]
    assert "layers-a.json is no metrics file of `layers`" in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        lambda report: report.pop("layers"),
        lambda report: report.update(languages={}),
        lambda report: report.update(languages={"xx": USE}),
        lambda report: report.update(languages=[]),
        lambda report: report.update(checkpoint=5),
        lambda report: report["languages"]["si"].pop("shares_interval"),
        lambda report: report["languages"]["si"].update(weights=[0.5]),
        lambda report: report["languages"]["si"].update(weights=[0.5, "x"]),
        lambda report: report["languages"]["si"].update(weights=[0.5, float("nan")]),
        lambda report: report["languages"]["si"].update(weights_interval=[[0.1, 0.2]]),
    ],
)
def test_what_is_no_such_report_is_refused(tmp_path, damage):
    report = copy.deepcopy(REPORT)
    damage(report)
    with pytest.raises(DataError, match="Make it again, or remove it"):
        read_layer_report(write(tmp_path, "layers-x.json", report))


@pytest.mark.parametrize("path", sorted(METRICS.glob("layers*.json")), ids=lambda path: path.name)
def test_the_reports_of_this_project_can_be_drawn(path):
    assert read_layer_report(path)["layers"]
