"""Tables of what `layers` found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion_demo.evaluation import percent
from fusion_demo.languages import LANGUAGES
from fusion_demo.results.files import broken
from fusion_demo.results.markdown import table

PANELS = {
    "weights": "Mean weight α of each layer, %",
    "shares": "Contribution α · ‖h‖ of each layer, share in %",
}


def render_layers(path: Path, report: Mapping[str, Any]) -> str:
    """Return the weights and the contributions of the layers by language, and the masking.

    Raises:
        DataError: this is no result of `layers`.
    """
    try:
        names = [str(layer) if layer else "embeddings" for layer in report["layers"]]
        parts = [
            f"### {report['checkpoint']}: layers, {report['split']} split\n",
            f"    {report['command']}\n",
        ]
        for panel, title in PANELS.items():
            body = [
                [LANGUAGES[code].english_name, *map(percent, use[panel]), f"{use['n']:,}"]
                for code, use in report["languages"].items()
            ]
            parts.append(f"{title}:\n\n{table(['language', *names, 'n'], body)}")
        if report["faithfulness"]:
            parts.append(_faithfulness(report["faithfulness"]))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise broken(path, "layers") from None
    return "\n".join(parts)


def _faithfulness(found: Mapping[str, Any]) -> str:
    header = ["k", "most used", "random", "most used − random", "n"]
    mean = found["mean"]
    body = [
        [str(k + 1), *(_change(mean[curve], k) for curve in ("most_used", "random", "gap")), f"{mean['n']:,}"]
        for k in range(found["masked"])
    ]
    return (
        "Layer faithfulness: change of the right answer's log-likelihood in nats (95 %) when the k most-used "
        f"layers are masked, against k random ones ({found['draws']} draws a text), mean over languages. The "
        f"lower the last difference, the more the weights say what matters.\n\n{table(header, body)}"
    )


def _change(curve: Mapping[str, Any], k: int) -> str:
    low, high = (_signed(bound[k]) for bound in curve["interval"])
    return f"{_signed(curve['change'][k])} ({low} to {high})"


def _signed(value: float) -> str:
    """Return a change with its sign and two decimals; what rounds to zero has no minus. Example: "−0.25"."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")
