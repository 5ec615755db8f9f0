"""Groups of systems that cannot be told apart."""

from collections.abc import Iterable, Sequence
from string import ascii_letters


def tie_groups(ranked: Sequence[str], separable: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the letters of each system: two systems share a letter exactly if no test tells them apart.

    The compact letter display of Piepho (2004), made by insert and absorb: one group of all is split at every
    pair that differs, and a group within another is dropped. A system may be in several groups, since "not
    separable" is not transitive.

    Args:
        ranked: The systems, best first; the first group is that of the best one.
        separable: Pairs of systems that differ.

    Example: a is better than c, b is separable from neither -> {"a": "a", "b": "ab", "c": "b"}.
    """
    groups = [frozenset(ranked)]
    for one, other in separable:
        split: list[frozenset[str]] = []
        for group in groups:
            split += [group - {one}, group - {other}] if {one, other} <= group else [group]
        groups = [group for group in dict.fromkeys(split) if not any(group < larger for larger in split)]
    groups.sort(key=lambda group: sorted(map(ranked.index, group)))
    letters = [ascii_letters[i % 52] * (i // 52 + 1) for i in range(len(groups))]
    return {
        name: "".join(letter for letter, group in zip(letters, groups, strict=True) if name in group)
        for name in ranked
    }
