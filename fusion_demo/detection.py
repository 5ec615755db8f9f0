"""Which language a text is written in.

The work is done by py3langid: multinomial naive Bayes over byte n-grams (Lui and Baldwin, 2012), retrained
for 139 languages. docs/decisions/0004-language-detection.md holds the measurements behind the choice.
"""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from fusion_demo.languages import LANGUAGES

MIN_KNOWN_SHARE = 0.01
"""Probability that must fall on `LANGUAGES` together, or the text is in a language outside them."""


def detect_language(text: str) -> str | None:
    """Return the most likely language of a text, or None.

    Returns:
        A code of `LANGUAGES`; None if the text has no letters, too few to tell, or is almost surely in a
        language outside `LANGUAGES`.

    Example: "ආයුබෝවන්" -> "si"; "2 + 2" -> None; Korean text -> None.
    """
    if not any(character.isalpha() for character in text):
        return None
    every_probability = dict(_identifier().rank(text))
    known = {code: every_probability[code] for code in LANGUAGES}
    recognised = len(set(known.values())) > 1  # without one known n-gram all are equally likely
    if not recognised or sum(known.values()) < MIN_KNOWN_SHARE:
        return None
    return max(known, key=known.__getitem__)


@cache
def _identifier() -> LanguageIdentifier:
    """Load the model that the package carries; it takes about a second, so only on first use."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
