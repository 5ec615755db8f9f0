"""What a reader sees as one sign of a script."""

import unicodedata

import regex

# Unicode's extended grapheme clusters (UAX #29). Rule GB9c keeps the conjuncts of some scripts whole; those
# that a joiner behind a virama makes, as in Sinhala, are added, which the annex permits.
SIGN = regex.compile(r"(?:\X(?<=\p{ccc=9}\u200d)(?=\p{L}))*\X")


def same_grapheme(before: str, after: str) -> bool:
    """Whether a reader sees the end of `before` and the start of `after` as one sign.

    Example: "ක්‍" and "රීඩා" -> True; "ක" and "රීඩා" -> False.
    """
    return any(sign.start() < len(before) < sign.end() for sign in SIGN.finditer(before + after))


def graphemes(text: str) -> list[str]:
    """Return a text cut into the signs that a reader sees. Example: "कि!" -> ["कि", "!"]."""
    return SIGN.findall(text)


def shortened(text: str, longest: int) -> str:
    """Return a text of at most `longest` signs: its beginning and "…" where it has more."""
    signs = graphemes(text)
    return text if len(signs) <= longest else "".join(signs[: longest - 1]).rstrip() + "…"


def visible_length(text: str) -> int:
    """Return roughly how many signs wide a text is: marks and controls take no room of their own."""
    return sum(any(unicodedata.category(part)[0] not in "MC" for part in sign) for sign in graphemes(text))
