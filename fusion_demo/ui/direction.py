"""Which way a text is written, and how the page follows it."""

import unicodedata

AUTOMATIC_DIRECTION_CSS = """
textarea {
    unicode-bidi: plaintext;
    text-align: start;
}
"""
"""Text fields follow what is typed: the first letter of each line sets its direction."""


def text_direction(text: str) -> str:
    """Return "rtl" if most letters of a text are written from right to left, else "ltr".

    Example: "BBC اردو سروس" -> "rtl"; "Sinhala: සිංහල" -> "ltr".
    """
    classes = [unicodedata.bidirectional(character) for character in text]
    right_to_left = sum(name in ("R", "AL") for name in classes)
    return "rtl" if right_to_left > classes.count("L") else "ltr"
