"""Topic of a news headline: 8 topics, 12 languages.

Headlines and labels as in L3Cube-IndicNews (Mirashi et al., 2024) for English and ten Indic languages,
with Sinhala headlines beside them. A label comes from the section of the site that ran the headline.
"""

from fusion_demo.tasks.base import Task, one_of

LABELS = (
    "business",
    "education",
    "entertainment",
    "health",
    "politics",
    "science and technology",
    "sports",
    "world",
)
LABEL_WORDS = {label: label for label in LABELS}

NEWS = Task(
    name="news",
    title="News topic",
    instruction=f"Which topic is this headline about? {one_of(LABEL_WORDS)}",
    bare_prompt="Category: ",
    label_words=LABEL_WORDS,
    languages=("bn", "en", "gu", "hi", "kn", "ml", "mr", "or", "pa", "si", "ta", "te"),
    data="English headlines of L3Cube-IndicNews (Mirashi et al., 2024)",
    licence="CC BY-NC-SA 4.0",
    licence_id="cc-by-nc-sa-4.0",
)
