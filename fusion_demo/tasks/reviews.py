"""How many stars did a review give? The Multilingual Amazon Reviews Corpus (Keung et al., 2020).

Five classes, one to five stars, in six languages; the words are the paper's.
"""

from fusion_demo.languages import languages_in
from fusion_demo.tasks.base import Task, one_of
from fusion_demo.tasks.hub import HubSource, numbered

LABELS = ("very negative", "negative", "neutral", "positive", "very positive")
LABEL_WORDS = {label: label for label in LABELS}
LANGUAGES = tuple(language.code for language in languages_in("amazon"))

REVIEWS = Task(
    name="reviews",
    title="Review stars (Amazon)",
    instruction=f"How does the writer of this review judge the product? {one_of(LABEL_WORDS)}",
    bare_prompt="Label: ",
    label_words=LABEL_WORDS,
    languages=LANGUAGES,
    data="English reviews of the Multilingual Amazon Reviews Corpus (Keung et al., 2020)",
    licence="academic use only, not to be redistributed",
    licence_id="other",
    hub=HubSource(
        id="mteb/amazon_reviews_multi",
        revision="1399c76144fd37290681b995c656ef9b2e06e26d",
        file="{config}/{split}.jsonl",
        configs={code: code for code in LANGUAGES},
        splits={"train": "train", "dev": "validation", "test": "test"},
        labels=numbered(LABELS),
    ),
)
