"""Does one sentence follow from another? The 3 answers and 15 languages of XNLI (Conneau et al., 2018).

The paper trains on 100,000 English pairs of XNLI's training set, which is MultiNLI (Williams et al., 2018).
"""

from fusion_demo.languages import languages_in
from fusion_demo.tasks.base import Task, one_of
from fusion_demo.tasks.hub import HubSource, numbered

LABELS = ("entailment", "neutral", "contradiction")
LABEL_WORDS = {label: label for label in LABELS}
LANGUAGES = tuple(language.code for language in languages_in("xnli"))

XNLI = Task(
    name="xnli",
    title="Inference (XNLI)",
    instruction=f"Does the hypothesis follow from the premise? {one_of(LABEL_WORDS)}",
    bare_prompt="Label: ",
    label_words=LABEL_WORDS,
    languages=LANGUAGES,
    data="English sentence pairs of MultiNLI (Williams et al., 2018), SNLI (Bowman et al., 2015) and LingNLI "
    "(Parrish et al., 2021)",
    licence="XNLI CC BY-NC 4.0; MultiNLI OANC, CC BY 3.0, CC BY-SA 3.0; SNLI CC BY-SA 4.0; LingNLI: none",
    licence_id="other",
    fields=("premise", "hypothesis"),
    line_parallel=True,
    hub=HubSource(
        id="facebook/xnli",
        revision="b8dd5d7af51114dbda02c0e3f6133f332186418e",
        file="{config}/{split}-00000-of-00001.parquet",
        configs={code: code for code in LANGUAGES},
        splits={"train": "train", "dev": "validation", "test": "test"},
        labels=numbered(LABELS),
        data="English sentence pairs of XNLI, which are those of MultiNLI (Williams et al., 2018)",
        licence="CC BY-NC 4.0",
        licence_id="cc-by-nc-4.0",
    ),
)
