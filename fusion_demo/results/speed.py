"""All that `benchmark` measured in one table."""

from collections.abc import Mapping, Sequence
from typing import Any

from fusion_demo.results.blocks import MISSING, Cell, Table
from fusion_demo.results.figures import megabytes, ratio, spread

INTRODUCTION = """\
A figure is the median of several rounds with its quartiles. What is compared took turns in one run, and its
ratio has a 95 % interval. Peak memory is that of a process of its own, models included. The machine of each
run stands with its details.
"""
HEADER = ("what", "of", "measured", "ratio, or budget", "peak memory, MB")


def speed_table(reports: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of some reports of `benchmark`, in their order."""
    return Table("Speed", HEADER, [row for report in reports for row in ROWS[report["benchmark"]](report)])


def _table5(report: Mapping[str, Any]) -> list[list[str]]:
    return [
        [
            f"ms a token, {report['shapes']} models",
            name,
            spread(row["milliseconds"]["per_token"]),
            _times(row["ratios"]["per_token"], report["baseline"]),
            megabytes(row["peak_bytes"]),
        ]
        for name, row in report["systems"].items()
    ]


def _training(report: Mapping[str, Any]) -> list[list[str]]:
    what = f"training: examples a second, {report['batch_size']} a step"
    return [
        [
            what,
            name,
            spread(row["examples_per_second"]),
            _times(row["ratio"], "plain"),
            megabytes(row["peak_bytes"]),
        ]
        for name, row in report["systems"].items()
    ]


def _generation(report: Mapping[str, Any]) -> list[list[str]]:
    return [
        [
            "writing: tokens a second",
            name,
            spread(found),
            _times(report["ratios"][name], report["baseline"]),
            MISSING,
        ]
        for name, found in report["tokens_per_second"].items()
    ]


def _start(report: Mapping[str, Any]) -> list[list[str]]:
    return [
        [f"start: {name}, {row['unit']}", "the page", spread(row), f"at most {row['budget']:g}", MISSING]
        for name, row in report["budgets"].items()
    ]


def _load(report: Mapping[str, Any]) -> list[list[str]]:
    what = f"{report['users']} users at once: seconds to the answer, waiting included"
    return [
        [what, kind, Cell(f"{row['seconds']['median']:.1f}", row["seconds"]["median"]), "", MISSING]
        for kind, row in report["kinds"].items()
        if row["seconds"]
    ]


def _stop(report: Mapping[str, Any]) -> list[list[str]]:
    budget = f"at most {report['budget_milliseconds']:g}"
    return [
        ["a stopped chat: ms to its end", phase, spread(row["milliseconds"]), budget, MISSING]
        for phase, row in report["phases"].items()
    ]


def _times(found: Mapping[str, Any], baseline: str) -> str:
    return f"{ratio(found)} × {baseline}"


ROWS = {
    "table5": _table5,
    "training": _training,
    "generation": _generation,
    "start": _start,
    "load": _load,
    "stop": _stop,
}
"""Name of a benchmark → its rows of the table."""
