"""Topic of a sentence: the 7 topics of SIB-200 (Adelani et al., 2024), in all supported languages."""

from fusion_demo.languages import FLORES_CODES, LANGUAGES
from fusion_demo.tasks.base import Task, one_of
from fusion_demo.tasks.hub import HubSource

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
    hub=HubSource(
        id="Davlan/sib200",
        revision="380836b2ab7dda501403d3272baff469d759a151",
        file="data/{config}/{split}.tsv",
        configs=FLORES_CODES,
        splits={"train": "train", "dev": "dev", "test": "test"},
        columns={"label": "category"},
    ),
)
