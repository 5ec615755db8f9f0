"""The languages of the product: code, names, script, direction and the groups they are measured in.

Groups:
    xnli          the 15 languages of XNLI (Conneau et al., 2018)
    indic         the 11 languages of IndicXNLI (Aggarwal et al., 2022)
    sinhala       Sinhala alone
    amazon        the 6 languages of the Multilingual Amazon Reviews Corpus (Keung et al., 2020)
    low-resource  what the paper measures low-resource languages on: IndicXNLI's and Sinhala (IV-A, V-B)
"""

from dataclasses import dataclass

from fusion_demo.errors import ConfigError, unknown_name

GROUPS = ("xnli", "indic", "sinhala", "amazon", "low-resource")
RIGHT_TO_LEFT_SCRIPTS = frozenset({"Arab"})


@dataclass(frozen=True)
class Language:
    """One language.

    Attributes:
        code: ISO 639-1 code, as in the names of the data files.
        english_name: Name in English.
        own_name: Name in the language itself, in its own script.
        script: ISO 15924 code of the script, as "Sinh".
        groups: The groups of `GROUPS` that it belongs to.
    """

    code: str
    english_name: str
    own_name: str
    script: str
    groups: tuple[str, ...]

    @property
    def direction(self) -> str:
        """Writing direction: "rtl" for Arabic script, else "ltr"."""
        return "rtl" if self.script in RIGHT_TO_LEFT_SCRIPTS else "ltr"


LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        Language("ar", "Arabic", "العربية", "Arab", ("xnli",)),
        Language("as", "Assamese", "অসমীয়া", "Beng", ("indic", "low-resource")),
        Language("bg", "Bulgarian", "български", "Cyrl", ("xnli",)),
        Language("bn", "Bengali", "বাংলা", "Beng", ("indic", "low-resource")),
        Language("de", "German", "Deutsch", "Latn", ("xnli", "amazon")),
        Language("el", "Greek", "Ελληνικά", "Grek", ("xnli",)),
        Language("en", "English", "English", "Latn", ("xnli", "amazon")),
        Language("es", "Spanish", "español", "Latn", ("xnli", "amazon")),
        Language("fr", "French", "français", "Latn", ("xnli", "amazon")),
        Language("gu", "Gujarati", "ગુજરાતી", "Gujr", ("indic", "low-resource")),
        Language("hi", "Hindi", "हिन्दी", "Deva", ("xnli", "indic", "low-resource")),
        Language("ja", "Japanese", "日本語", "Jpan", ("amazon",)),
        Language("kn", "Kannada", "ಕನ್ನಡ", "Knda", ("indic", "low-resource")),
        Language("ml", "Malayalam", "മലയാളം", "Mlym", ("indic", "low-resource")),
        Language("mr", "Marathi", "मराठी", "Deva", ("indic", "low-resource")),
        Language("or", "Odia", "ଓଡ଼ିଆ", "Orya", ("indic", "low-resource")),
        Language("pa", "Punjabi", "ਪੰਜਾਬੀ", "Guru", ("indic", "low-resource")),
        Language("ru", "Russian", "русский", "Cyrl", ("xnli",)),
        Language("si", "Sinhala", "සිංහල", "Sinh", ("sinhala", "low-resource")),
        Language("sw", "Swahili", "Kiswahili", "Latn", ("xnli",)),
        Language("ta", "Tamil", "தமிழ்", "Taml", ("indic", "low-resource")),
        Language("te", "Telugu", "తెలుగు", "Telu", ("indic", "low-resource")),
        Language("th", "Thai", "ไทย", "Thai", ("xnli",)),
        Language("tr", "Turkish", "Türkçe", "Latn", ("xnli",)),
        Language("ur", "Urdu", "اردو", "Arab", ("xnli",)),
        Language("vi", "Vietnamese", "Tiếng Việt", "Latn", ("xnli",)),
        Language("zh", "Chinese", "中文", "Hans", ("xnli", "amazon")),
    )
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
"""Language code → code in FLORES-200 and NLLB (NLLB Team, 2022, "No Language Left Behind", table 1)."""


def get_language(code: str) -> Language:
    """Return the language of a code.

    Raises:
        ConfigError: the code is not one of `LANGUAGES`.
    """
    if code not in LANGUAGES:
        raise ConfigError(unknown_name("language", code, LANGUAGES))
    return LANGUAGES[code]


def languages_in(group: str) -> list[Language]:
    """Return the languages of a group, in the order of their codes.

    Example: `languages_in("sinhala")` -> [Sinhala].

    Raises:
        ConfigError: the group is not one of `GROUPS`.
    """
    if group not in GROUPS:
        raise ConfigError(unknown_name("language group", group, GROUPS))
    return [language for language in LANGUAGES.values() if group in language.groups]
