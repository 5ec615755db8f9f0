"""Topic of a sentence: the 7 topics of SIB-200 (Adelani et al., 2024), in all supported languages."""

from fusion_demo.languages import LANGUAGES
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

FLORES_CODES = {
    "ar": "arb_Arab",
    "as": "asm_Beng",
    "bg": "bul_Cyrl",
    "bn": "ben_Beng",
    "de": "deu_Latn",
    "el": "ell_Grek",
    "en": "eng_Latn",
    "es": "spa_Latn",
    "fr": "fra_Latn",
    "gu": "guj_Gujr",
    "hi": "hin_Deva",
    "ja": "jpn_Jpan",
    "kn": "kan_Knda",
    "ml": "mal_Mlym",
    "mr": "mar_Deva",
    "or": "ory_Orya",
    "pa": "pan_Guru",
    "ru": "rus_Cyrl",
    "si": "sin_Sinh",
    "sw": "swh_Latn",
    "ta": "tam_Taml",
    "te": "tel_Telu",
    "th": "tha_Thai",
    "tr": "tur_Latn",
    "ur": "urd_Arab",
    "vi": "vie_Latn",
    "zh": "zho_Hans",
}
"""Language code → its name in FLORES-200, which SIB-200 keeps."""

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
