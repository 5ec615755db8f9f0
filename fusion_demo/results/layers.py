"""Tables of what `layers` found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion_demo.evaluation import percent
from fusion_demo.languages import LANGUAGES
from fusion_demo.results.blocks import Block, Cell, Commands, Table
from fusion_demo.results.files import broken

PANELS = {
    "weights": "Mean weight α of each layer, %",
    "shares": "Contribution α · ‖h‖ of each layer, share in %",
}


def layer_blocks(path: Path, report: Mapping[str, Any]) -> list[Block]:
    """Return the weights and the contributions of the layers by language, and the masking.

    Raises:
        DataError: this is no result of `layers`.
    """
    try:
        names = [str(layer) if layer else "embeddings" for layer in report["layers"]]
        checkpoint = report["checkpoint"]
        blocks: list[Block] = [
            f"### {checkpoint}: layers, {report['split']} split\n",
            Commands([str(report["command"])]),
        ]
        for panel, title in PANELS.items():
            body = [
                [
                    LANGUAGES[code].english_name,
                    *(Cell(percent(value), value) for value in use[panel]),
                    Cell(f"{use['n']:,}", use["n"]),
                ]
                for code, use in report["languages"].items()
            ]
            blocks.append(Table(f"{checkpoint}: {title}", ["language", *names, "n"], body, f"{title}:"))
        if report["faithfulness"]:
            blocks.append(_faithfulness(checkpoint, report["faithfulness"]))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise broken(path, "layers") from None
    return blocks


def _faithfulness(checkpoint: str, found: Mapping[str, Any]) -> Table:
    header = ["k", "most used", "random", "most used − random", "n"]
    mean = found["mean"]
    body = [
        [
            Cell(str(k + 1), k + 1),
            *(_change(mean[curve], k) for curve in ("most_used", "random", "gap")),
            Cell(f"{mean['n']:,}", mean["n"]),
        ]
        for k in range(found["masked"])
    ]
    caption = (
        "Layer faithfulness: change of the right answer's log-likelihood in nats (95 %) when the k most-used "
        f"layers are masked, against k random ones ({found['draws']} draws a text), mean over languages. The "
        "lower the last difference, the more the weights say what matters."
    )
    return Table(f"{checkpoint}: layer faithfulness", header, body, caption)


def _change(curve: Mapping[str, Any], k: int) -> Cell:
    low, high = (_signed(bound[k]) for bound in curve["interval"])
    change = curve["change"][k]
    return Cell(f"{_signed(change)} ({low} to {high})", change)


def _signed(value: float) -> str:
    """Return a change with its sign and two decimals; what rounds to zero has no minus. Example: "−0.25"."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")
