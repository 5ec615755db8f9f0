"""What a reader sees as one sign of a script."""

import unicodedata


def same_grapheme(before: str, after: str) -> bool:
    """Whether a reader sees the end of `before` and the start of `after` as one sign.

    True before combining marks and joiners, after a joiner, after a virama (which makes a conjunct
    of the consonants around it) and between the two halves of a flag. This joins a little more than
    Unicode's grapheme clusters (UAX 29) do, since those cut Sinhala and Tamil conjuncts.

    Example: "ක්‍" and "රීඩා" -> True; "ක" and "රීඩා" -> False.
    """
    if not before or not after:
        return False
    last, first = before[-1], after[0]
    return (
        unicodedata.category(first).startswith("M")
        or first in "\u200c\u200d"
        or "\U0001f3fb" <= first <= "\U0001f3ff"
        or last == "\u200d"
        or (unicodedata.combining(last) == 9 and first.isalpha())
        or ("\U0001f1e6" <= last <= "\U0001f1ff" and "\U0001f1e6" <= first <= "\U0001f1ff")
    )


def graphemes(text: str) -> list[str]:
    """Return a text cut into the signs that a reader sees. Example: "कि!" -> ["कि", "!"]."""
    clusters: list[str] = []
    for character in text:
        if clusters and same_grapheme(clusters[-1], character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def visible_length(text: str) -> int:
    """Return roughly how many signs wide a text is: marks and controls take no room of their own."""
    return sum(not unicodedata.category(character).startswith(("M", "C")) for character in text)
