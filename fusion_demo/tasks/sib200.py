"""Topic of a sentence: the 7 topics of SIB-200 (Adelani et al., 2024), in all supported languages."""

from fusion_demo.languages import LANGUAGES
from fusion_demo.tasks.base import Task, one_of

LABEL_WORDS = {
    "entertainment": "entertainment",
    "geography": "geography",
    "health": "health",
    "politics": "politics",
    "science/technology": "science and technology",
    "sports": "sports",
    "travel": "travel",
}

SIB200 = Task(
    name="sib200",
    title="Sentence topic (SIB-200)",
    instruction=f"Which topic is this sentence about? {one_of(LABEL_WORDS)}",
    bare_prompt="Category: ",
    label_words=LABEL_WORDS,
    languages=tuple(LANGUAGES),
    licence="CC BY-SA 4.0",
    licence_id="cc-by-sa-4.0",
    data="English sentences of SIB-200 (Adelani et al., 2024)",
    line_parallel=True,
)
