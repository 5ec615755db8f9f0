"""Tables of what `benchmark` measured of growth: with the input, and with the processes."""

from collections.abc import Mapping
from typing import Any

from fusion_demo.results.blocks import Block, Table
from fusion_demo.results.figures import exponent, ratio, spread


def growth_blocks(report: Mapping[str, Any]) -> list[Block]:
    """Return how cost grows with the size of what is read."""
    parts = [
        "### Growth\n",
        f"{report['fusion']}; cost ∝ size^exponent, fitted through the logarithms of all sizes, 95 % "
        "interval over the rounds.\n",
    ]
    for title, curve in report["curves"].items():
        names = list(curve["milliseconds"])
        body = [
            [f"{size:,}", *(spread(curve["milliseconds"][name][index]) for name in names)]
            for index, size in enumerate(curve["sizes"])
        ]
        body.append(["exponent", *(exponent(curve["exponents"][name]) for name in names)])
        header = [title, *(f"{name}, ms" for name in names)]
        parts.append(Table(f"Growth: {title}", header, body, curve["note"]))
    return parts


def processes_blocks(report: Mapping[str, Any]) -> list[Block]:
    """Return how a training's rate grows with its processes."""
    body = [
        [
            f"{row['processes']}",
            spread(row["examples_per_second"]),
            ratio(row["ratio"]),
            f"{100 * row['ratio']['ratio'] * report['baseline'] / row['processes']:.0f}",
        ]
        for row in report["rates"]
    ]
    header = ["processes", "examples/s", f"of {report['baseline']}", "of what as many would make, %"]
    return [
        "### Training in several processes\n",
        f"Task {report['task']}, {report['fusion']}, {report['batch_size']} examples an update whatever the "
        f"number of processes, each with one thread; {report['updates']} updates, of which the first "
        f"{report['skipped']} do not count. The losses differ by at most {report['largest_difference']:.1e} "
        f"nats. Rate ∝ processes^{exponent(report['exponent'])}.\n",
        Table("Training in several processes", header, body),
    ]
