"""How many stars did a review give? The Multilingual Amazon Reviews Corpus (Keung et al., 2020).

Five classes, one to five stars, in six languages; the words are the paper's.
"""

from fusion_demo.languages import languages_in
from fusion_demo.tasks.base import Task, one_of

LABELS = ("very negative", "negative", "neutral", "positive", "very positive")
LABEL_WORDS = {label: label for label in LABELS}

REVIEWS = Task(
    name="reviews",
    title="Review stars (Amazon)",
    instruction=f"How does the writer of this review judge the product? {one_of(LABEL_WORDS)}",
    bare_prompt="Label: ",
    label_words=LABEL_WORDS,
    languages=tuple(language.code for language in languages_in("amazon")),
    data="English reviews of the Multilingual Amazon Reviews Corpus (Keung et al., 2020)",
    licence="academic use only, not to be redistributed",
    licence_id="other",
)
