"""XNLI in 11 Indic languages, translated by machine: IndicXNLI (Aggarwal et al., 2022).

For evaluation alone. As in the paper, the bridge that answers is trained on XNLI's English pairs.
"""

from dataclasses import replace

from fusion_demo.languages import languages_in
from fusion_demo.tasks.hub import HubSource, numbered
from fusion_demo.tasks.xnli import XNLI

LANGUAGES = tuple(language.code for language in languages_in("indic"))

INDICXNLI = replace(
    XNLI,
    name="indicxnli",
    title="Inference (IndicXNLI)",
    languages=LANGUAGES,
    trained_on=XNLI.name,
    # The branch that the hub itself makes: the data set's own files need its loading script.
    hub=HubSource(
        id="Divyanshu/indicxnli",
        revision="refs/convert/parquet",
        file="{config}/{split}/0000.parquet",
        configs={code: code for code in LANGUAGES},
        splits={"dev": "validation", "test": "test"},
        labels=numbered(XNLI.labels),
    ),
)
