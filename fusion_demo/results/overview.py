"""One table a task: a row a system, the mean of its seeds, and what may be said of it."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from fusion_demo.comparison.groups import ALL, FOREIGN, groups_of
from fusion_demo.comparison.table import points
from fusion_demo.comparison.verdict import A_BETTER, B_BETTER
from fusion_demo.evaluation import mean_accuracy, percent
from fusion_demo.languages import LANGUAGES
from fusion_demo.results.blocks import MISSING, Cell, Table
from fusion_demo.results.scores import TITLES, Languages, languages_of
from fusion_demo.results.systems import SystemResults

REFERENCES = ("linear-probe", "last-layer")
"""The systems that every other one is held against: what needs no LLM, and what needs no fusion."""


def overview_table(
    systems: Sequence[SystemResults], split: str, comparisons: Sequence[Mapping[str, Any]]
) -> Table:
    """Return the table of a task: a row a system, most likely label, in per cent.

    Args:
        systems: What was measured on the split, seed by seed.
        split: The split.
        comparisons: What `compare` found on the same split.
    """
    members: dict[str, list[SystemResults]] = {}
    for system in systems:
        members.setdefault(system.recipe or system.system, []).append(system)
    languages = [
        (name, [seed.reports[split]["languages"] for seed in seeds]) for name, seeds in members.items()
    ]
    columns = overview_columns(languages_of(languages))
    held = [name for name in REFERENCES if name in members]
    body = [
        [
            name,
            *(_mean_cell(reports, codes) for codes in columns.values()),
            Cell(str(len(reports)), len(reports)),
            *(_verdict(members[name], members[other], comparisons) for other in held),
        ]
        for name, reports in languages
    ]
    return Table("Overview", ["system", *columns, "seeds", *(f"against {name}" for name in held)], body)


def overview_columns(codes: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns: title → languages. English, the others, Sinhala, and a group; each set once.

    Example: English, Hindi and Sinhala -> "English", "mean of the 2 others", "Sinhala".
    """
    groups = groups_of(codes)
    foreign = groups.get(FOREIGN) or [code for code in codes if code != "en"]
    found = {"English": ["en"]} if "en" in codes else {}
    if len(foreign) > 1:
        found[f"mean of the {len(foreign)} others" if found else f"mean of {len(foreign)}"] = foreign
    if "si" in codes or len(foreign) == 1:
        code = "si" if "si" in codes else foreign[0]
        found[LANGUAGES[code].english_name] = [code]
    rest = [name for name in groups if name not in (ALL, FOREIGN) and groups[name] != foreign]
    if rest:
        found[TITLES[rest[-1]].format(len(groups[rest[-1]]))] = groups[rest[-1]]
    return found


def _mean_cell(seeds: Sequence[Languages], codes: Sequence[str]) -> Cell:
    """Return the mean over seeds and languages; its interval holds the 95 % intervals of all its seeds."""
    if any(code not in languages for languages in seeds for code in codes):
        return MISSING
    means = [mean_accuracy([languages[code] for code in codes]) for languages in seeds]
    mean = fmean(found["accuracy"] for found in means)
    low = min(found["interval"][0] for found in means)
    high = max(found["interval"][1] for found in means)
    return Cell(f"{percent(mean)} ({percent(low)}–{percent(high)})", mean)


def _verdict(
    ours: Sequence[SystemResults], others: Sequence[SystemResults], comparisons: Sequence[Mapping[str, Any]]
) -> str:
    """Return what the tests say of a system against a reference, with the difference of each seed in points.

    Example: "better (+4.4, +4.6)", "worse with 1 of 2 seeds (−1.2, −0.3)", "not separable (+0.5)".
    """
    if ours == others:
        return MISSING
    signs = {(own.name, other.name): 1 for own in ours for other in others}
    signs |= {(other, own): -1 for own, other in signs}
    order = [own.name for own in ours]
    found = []
    for pair in (pair for comparison in comparisons for pair in comparison["pairs"]):
        mean, sign = pair["means"].get(FOREIGN) or pair["means"].get(ALL), signs.get((pair["a"], pair["b"]))
        if mean and sign:
            good, bad = (A_BETTER, B_BETTER)[::sign]
            place = order.index(pair["a"] if sign > 0 else pair["b"])
            found.append((place, sign * mean["difference"], mean["verdict"] == good, mean["verdict"] == bad))
    if not found:
        return "not compared"
    _, differences, better, worse = zip(*sorted(found), strict=True)
    words = [
        word if sum(seeds) == len(found) else f"{word} with {sum(seeds)} of {len(found)} seeds"
        for word, seeds in (("better", better), ("worse", worse))
        if any(seeds)
    ]
    return f"{', '.join(words) or 'not separable'} ({', '.join(map(points, differences))})"
