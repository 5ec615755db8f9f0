"""Tables of what `compare` found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion_demo.comparison.table import interval_text, mean_title, p_text, points
from fusion_demo.comparison.ties import tie_groups
from fusion_demo.comparison.verdict import NOT_SEPARABLE, VERDICTS
from fusion_demo.evaluation import percent
from fusion_demo.languages import LANGUAGES
from fusion_demo.results.blocks import Block, Cell, Commands, Table
from fusion_demo.results.files import broken

HEADER = ("", "A", "B", "A − B, points (95 %)", "n", "p", "p (Holm)", "verdict")
TIES = """\
Systems that share a letter cannot be told apart on these texts; each pair is tested by itself, as in the
tables that follow:"""


def comparison_blocks(path: Path, comparison: Mapping[str, Any]) -> list[Block]:
    """Return the groups of systems that cannot be told apart, and a table for every pair of them.

    A pair's table has means first, then languages. Two systems need no groups: their verdict says it. Groups
    are those of means, which a comparison in one language does not have.

    Raises:
        DataError: this is no result of `compare`.
    """
    try:
        blocks: list[Block] = [
            f"Score: {comparison['score']}. {_rows(comparison)} Made by\n",
            Commands([str(comparison["command"])]),
        ]
        if len(comparison["pairs"]) > 1 and comparison["pairs"][0]["means"]:
            blocks.append(_ties(comparison))
        for pair in comparison["pairs"]:
            body = [
                _row(mean_title(name, mean), mean, corrected=False) for name, mean in pair["means"].items()
            ]
            body += [_row(LANGUAGES[code].english_name, found) for code, found in pair["languages"].items()]
            caption = f"A = **{pair['a']}**, B = **{pair['b']}**"
            blocks.append(Table(f"{pair['a']} against {pair['b']}", HEADER, body, caption))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise broken(path, "compare") from None
    return blocks


def _rows(comparison: Mapping[str, Any]) -> str:
    if comparison["rows"] == "parallel":
        return "Every row is the same text in all languages; means keep such rows together."
    return "The rows of different languages are different texts."


def _ties(comparison: Mapping[str, Any]) -> Table:
    """A row per system: its means, each with the letters of its groups; the best of the first mean on top."""
    pairs = comparison["pairs"]
    means = pairs[0]["means"]
    accuracies: dict[str, dict[str, float]] = {}
    for pair in pairs:
        for side in ("a", "b"):
            own = {name: pair["means"][name][f"accuracy_{side}"] for name in means}
            accuracies.setdefault(pair[side], {}).update(own)
    if 2 * len(pairs) != len(accuracies) * (len(accuracies) - 1):
        raise ValueError("a pair of systems is missing")
    letters = {}
    for name in means:
        ranked = sorted(accuracies, key=lambda system: -accuracies[system][name])
        apart = [(p["a"], p["b"]) for p in pairs if p["means"][name]["verdict"] != NOT_SEPARABLE]
        letters[name] = tie_groups(ranked, apart)
    first = next(iter(means))
    body = [
        [
            system,
            *(Cell(f"{percent(own[name])} {letters[name][system]}", own[name]) for name in means),
        ]
        for system, own in sorted(accuracies.items(), key=lambda item: -item[1][first])
    ]
    header = ["system", *(mean_title(name, mean) for name, mean in means.items())]
    return Table("Systems that cannot be told apart", header, body, TIES)


def _row(title: str, found: Mapping[str, Any], *, corrected: bool = True) -> list[str]:
    if found["verdict"] not in VERDICTS:
        raise ValueError(found["verdict"])
    difference = f"{points(found['difference'])} ({interval_text(found['interval'])})"
    return [
        title,
        Cell(percent(found["accuracy_a"]), found["accuracy_a"]),
        Cell(percent(found["accuracy_b"]), found["accuracy_b"]),
        Cell(difference, found["difference"]),
        Cell(f"{found['n']:,}", found["n"]),
        Cell(p_text(found["p_value"]), found["p_value"]),
        Cell(p_text(found["adjusted_p_value"]), found["adjusted_p_value"]) if corrected else Cell(""),
        found["verdict"],
    ]
