"""The paper's score: does what the LLM wrote say the right label, and nothing else?"""


def normalise(text: str) -> str:
    """Return a text as exact match compares it: no outer white space, no final full stop, case folded.

    Example: " Sports.\\n" -> "sports".
    """
    return text.strip().removesuffix(".").rstrip().casefold()


def exact_match(answer: str, words: str) -> bool:
    """Return whether an answer is a label's words. Quotation marks or further words make it another."""
    return normalise(answer) == normalise(words)
