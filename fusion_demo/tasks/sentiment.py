"""Does a text speak well or badly of its subject? Two classes, asked of a bridge trained on `reviews`.

There is no training data: the bridge has read English product reviews alone, and is measured on texts of
another kind in other languages (Sinhala news comments, Assamese film reviews). It is asked the question that
it was trained on, and of the five answers only the plain two are compared.
"""

from fusion_demo.tasks.base import Task
from fusion_demo.tasks.reviews import REVIEWS

LABELS = ("negative", "positive")

SENTIMENT = Task(
    name="sentiment",
    title="Sentiment (zero-shot from reviews)",
    instruction=REVIEWS.instruction,
    bare_prompt=REVIEWS.bare_prompt,
    label_words={label: REVIEWS.label_words[label] for label in LABELS},
    languages=("as", "si"),
    data=REVIEWS.data,
    licence=REVIEWS.licence,
    licence_id=REVIEWS.licence_id,
    trained_on=REVIEWS.name,
)
