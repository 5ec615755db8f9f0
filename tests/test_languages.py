import unicodedata

import pytest

from fusion_demo.errors import ConfigError
from fusion_demo.languages import GROUPS, LANGUAGES, get_language, languages_in

XNLI = "ar bg de el en es fr hi ru sw th tr ur vi zh"
INDIC = "as bn gu hi kn ml mr or pa ta te"
# ISO 15924 code → how Unicode names the letters of that script.
LETTER_NAMES = {
    "Arab": "ARABIC",
    "Beng": "BENGALI",
    "Cyrl": "CYRILLIC",
    "Deva": "DEVANAGARI",
    "Grek": "GREEK",
    "Gujr": "GUJARATI",
    "Guru": "GURMUKHI",
    "Hans": "CJK",
    "Jpan": "CJK",
    "Knda": "KANNADA",
    "Latn": "LATIN",
    "Mlym": "MALAYALAM",
    "Orya": "ORIYA",
    "Sinh": "SINHALA",
    "Taml": "TAMIL",
    "Telu": "TELUGU",
    "Thai": "THAI",
}


@pytest.mark.parametrize(
    ("group", "codes"),
    [
        ("xnli", XNLI),
        ("indic", INDIC),
        ("sinhala", "si"),
        ("amazon", "de en es fr ja zh"),
        ("low-resource", "as bn gu hi kn ml mr or pa si ta te"),
    ],
)
def test_groups_hold_the_languages_of_their_data_sets(group, codes):
    assert [language.code for language in languages_in(group)] == codes.split()


def test_there_are_27_languages_each_in_a_group():
    assert len(LANGUAGES) == 27
    assert all(language.groups and set(language.groups) <= set(GROUPS) for language in LANGUAGES.values())
    assert all(code == language.code for code, language in LANGUAGES.items())


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=str)
def test_own_name_is_written_in_the_stated_script(language):
    letters = [character for character in language.own_name if unicodedata.category(character) == "Lo"]
    letters = letters or [character for character in language.own_name if character.isalpha()]
    assert all(unicodedata.name(letter).startswith(LETTER_NAMES[language.script]) for letter in letters)


def test_arabic_and_urdu_alone_run_from_right_to_left():
    assert {code for code, language in LANGUAGES.items() if language.direction == "rtl"} == {"ar", "ur"}
    # The first letter's bidirectional class is an independent witness: R and AL are right-to-left.
    for language in LANGUAGES.values():
        rtl = unicodedata.bidirectional(language.own_name[0]) in ("R", "AL")
        assert rtl == (language.direction == "rtl")


def test_get_language_returns_sinhala():
    assert get_language("si").english_name == "Sinhala"


def test_unknown_language_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"Unknown language 'sin'. Did you mean 'si'\? Available: ar, as"):
        get_language("sin")


def test_unknown_group_suggests_the_nearest():
    with pytest.raises(ConfigError, match=r"Unknown language group 'indik'. Did you mean 'indic'\?"):
        languages_in("indik")
