"""Tables of what `benchmark` measured of the running page."""

from collections.abc import Mapping
from typing import Any

from fusion_demo.results.blocks import MISSING, Block, Table
from fusion_demo.results.figures import short, spread


def start_blocks(report: Mapping[str, Any]) -> list[Block]:
    """Return what start-up takes, against its budgets."""
    body = [
        [
            name,
            row["unit"],
            spread(row),
            f"{row['budget']:g}",
            "yes" if row["median"] <= row["budget"] else "no",
        ]
        for name, row in report["budgets"].items()
    ]
    header = ["what", "unit", "measured", "budget", "within"]
    return ["### Start-up and size\n", Table("Start-up and size", header, body)]


def load_blocks(report: Mapping[str, Any]) -> list[Block]:
    """Return what became of the requests of many users at once."""
    body = []
    for kind, row in report["kinds"].items():
        seconds = row["seconds"]
        times = [f"{seconds['median']:.1f}", f"{seconds['p95']:.1f}"] if seconds else [MISSING, MISSING]
        body.append([kind, f"{row['answered']:,}", f"{row['busy']:,}", f"{row['failed']:,}", *times])
    first, memory = report["first_token"], report["memory"]
    held = ""
    if memory["held_per_minute"] is not None:
        slope, low, high = (memory[name] / 1e6 for name in ("held_per_minute", "held_low", "held_high"))
        held = (
            f"; the least of each half minute, to which no answer in the making adds, {slope:+.2f} "
            f"({low:+.2f} to {high:+.2f})"
        )
    waiting = f"{first['median']:.1f} s, p95 {first['p95']:.1f} s" if first else "not measured"
    return [
        "### Many users at once\n",
        f"{report['users']} users for {report['minutes']:g} minutes, each with one request at a time; the "
        f"models answer one, {report['queue_length']} wait, and what comes beyond is told that the queue is "
        "full (*busy*). *leave* asks and goes before the answer. Seconds are from the request to the answer, "
        f"the waiting included. First token of a chat, the waiting included: median {waiting}. Resident "
        f"memory {memory['start'] / 1e6:,.0f} MB at the start, {memory['end'] / 1e6:,.0f} MB at the end, and "
        f"behind the first quarter {memory['bytes_per_minute'] / 1e6:+.2f} MB a minute{held}.\n",
        Table("Many users at once", ["what", "answered", "busy", "failed", "s, median", "s, p95"], body),
    ]


def stop_blocks(report: Mapping[str, Any]) -> list[Block]:
    """Return how soon a stopped chat ends."""
    body = [
        [phase, spread(row["milliseconds"]), short(row["longest"]), f"{row['milliseconds']['n']:,}"]
        for phase, row in report["phases"].items()
    ]
    return [
        "### A chat that is stopped\n",
        f"Milliseconds from the stop, at a random moment, to the end of the turn, when the models are free "
        f"for the next one; `{report['checkpoint']}`, budget {report['budget_milliseconds']:g} ms.\n",
        Table("A chat that is stopped", ["stopped", "ms to the end", "ms, longest", "n"], body),
    ]
