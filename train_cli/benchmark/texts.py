"""The text that the speed benchmarks read: one in Sinhala and in English, cut to any length."""

from collections.abc import Callable

SINHALA = (
    "සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත. ගරුත්වයෙන් හා අයිතිවාසිකම්වලින් සමාන වෙති. යුක්ති අයුක්ති පිළිබඳ "
    "හැඟීමෙන් හා හෘදය සාක්ෂියෙන් යුත් ඔවුනොවුන්ට සැලකිය යුත්තේ සහෝදරත්වය පිළිබඳ හැඟීමෙනි."
)
ENGLISH = (
    "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
    "conscience and should act towards one another in a spirit of brotherhood."
)
"""Article 1 of the Universal Declaration of Human Rights (United Nations, 1948)."""


def text_of(tokens: int, count: Callable[[str], int], text: str = SINHALA) -> str:
    """Return the beginning of a text, repeated as often as need be, that has at most so many tokens.

    Args:
        tokens: Tokens wanted; at least those of one letter.
        count: Tells how many tokens a text has.
        text: What is repeated and cut.

    Example: 3 tokens of one a letter, out of "ab" -> "ab ".
    """
    long = text
    while count(long) <= tokens:
        long = f"{long} {text}"
    low, high = 1, len(long)
    while low < high:  # the longest beginning with no more tokens than that
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(long[:middle]) <= tokens else (low, middle - 1)
    return long[:low]
