"""The sets of languages that means are taken over."""

from collections.abc import Sequence

from fusion_demo.languages import LANGUAGES, languages_in

ALL, FOREIGN = "all", "all but English"
GROUPS = ("xnli", "indic", "low-resource")
LEAST_SHARE = 0.5


def groups_of(codes: Sequence[str]) -> dict[str, list[str]]:
    """Return the sets of languages to take means over: all, all but English, xnli, indic, low-resource.

    A group counts if at least half of its languages were measured: two of fifteen do not speak for it.
    Sets of fewer than two languages are left out, and those that repeat an earlier one.

    Example: the 15 languages of XNLI -> "all" and "all but English"; "xnli" would repeat "all", and of
    the 11 Indic languages there is only Hindi.
    """
    candidates = {ALL: list(codes), FOREIGN: [code for code in codes if code != "en"]}
    for group in GROUPS:
        members = [code for code in codes if group in LANGUAGES[code].groups]
        if len(members) >= LEAST_SHARE * len(languages_in(group)):
            candidates[group] = members
    found: dict[str, list[str]] = {}
    for name, members in candidates.items():
        if len(members) > 1 and members not in found.values():
            found[name] = members
    return found
