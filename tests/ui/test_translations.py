"""The texts of the interface in every language."""

import re
import string
import unicodedata
from pathlib import Path

import pytest

from fusion_demo.languages import LANGUAGES
from fusion_demo.ui import translations
from fusion_demo.ui.translations import I18N, TEXTS, TRANSLATED, in_english, ui_text

SCRIPTS = {"si": "SINHALA", "ta": "TAMIL", "hi": "DEVANAGARI", "ar": "ARABIC"}
UI = Path(translations.__file__).parents[1]


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def code(text: str) -> list[str]:
    return sorted(re.findall(r"`[^`]+`", text))


def headings(text: str) -> list[str]:
    return re.findall("^#+ ", text, re.MULTILINE)


def tags(text: str) -> list[str]:
    return re.findall("<[^>]*>", re.sub("`[^`]+`", "", text))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_language_has_the_same_keys_in_the_same_order(language):
    assert list(TEXTS[language]) == list(TEXTS["en"])
    assert all(isinstance(text, str) and text == text.strip() != "" for text in TEXTS[language].values())


@pytest.mark.parametrize("language", SCRIPTS)
def test_a_translation_is_in_its_own_script_and_keeps_placeholders_code_and_headings(language):
    others = tuple(name for other, name in SCRIPTS.items() if other != language)
    for key, english in TEXTS["en"].items():
        text = TEXTS[language][key]
        names = {sign: unicodedata.name(sign, "") for sign in text}
        assert sum(names[sign].startswith(SCRIPTS[language]) for sign in text) >= 2, key
        # The danda is Devanagari's in Unicode and every Indic script's in use.
        assert not [sign for sign in text if names[sign].startswith(others) and sign not in "।॥"], key
        assert placeholders(text) == placeholders(english), key
        assert code(text) == code(english), key
        assert headings(text) == headings(english), key
        assert tags(text) == tags(english), key


def test_a_mark_stands_for_the_same_text_in_every_language():
    key = ui_text("classify").key
    assert {language: found[key] for language, found in I18N.translations.items()} == {
        language: texts["classify"] for language, texts in TEXTS.items()
    }
    assert in_english(f"<p>{ui_text('classify')}!</p>") == "<p>Classify!</p>"


def test_a_text_with_values_is_known_in_every_language():
    key = ui_text("lane", number=3).key
    assert I18N.translations["en"][key] == "Lane 3"
    assert I18N.translations["ar"][key] == "المسار 3"


def test_an_unknown_text_is_refused():
    with pytest.raises(KeyError):
        ui_text("no such text")


def test_the_page_knows_code_and_direction_of_each_language():
    key = ui_text("language").key
    assert {code: found[key] for code, found in I18N.translations.items()} == {
        code: f"{code} {LANGUAGES[code].direction}" for code in TRANSLATED
    }
    assert I18N.translations["ar"][key] == "ar rtl"


def test_every_text_is_used():
    source = "".join(path.read_text(encoding="utf-8") for path in UI.rglob("*.py"))
    made = {f"box_{field}" for field in ("text", "premise", "hypothesis")}
    assert [
        key
        for key in TEXTS["en"]
        if key not in made and f'"{key}"' not in source and f"'{key}'" not in source
    ] == []
