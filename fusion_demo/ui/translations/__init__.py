"""The texts of the interface in several languages: one file a language, translated in the browser.

`ui_text` gives a mark that Gradio's frontend replaces by the text in the visitor's language. A string may
hold one such mark, with anything around it; docs/decisions/0016-interface-languages.md says where Gradio
looks for them.
"""

import json
import re
from pathlib import Path
from typing import Any

import gradio as gr
import yaml
from gradio.i18n import I18nData

from fusion_demo.languages import LANGUAGES

TRANSLATED = ("en", "si", "ta", "hi", "ar")
"""Codes of the languages, English first: it is what visitors with any other language see."""

PREFIX = "fusion-demo:"
"""Begins every key. Gradio translates whatever equals a key, which no name of a checkpoint may do."""

_MARK = re.compile(r"__i18n__(\{[^}]*\})")


def read_texts(code: str) -> dict[str, str]:
    """Return key → text of a language, from its file beside this module."""
    path = Path(__file__).with_name(f"{code}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


TEXTS = {code: read_texts(code) for code in TRANSLATED}
"""Language code → key → text."""

I18N = gr.I18n(
    **{
        code: {
            f"{PREFIX}{key}": words
            for key, words in {
                **texts,
                "language": f"{code} {LANGUAGES[code].direction}",
            }.items()
        }
        for code, texts in TEXTS.items()
    }
)
"""What `launch` takes: the texts of all languages, and under "language" each one's code and direction."""


def ui_text(key: str, **values: Any) -> I18nData:
    """Return the mark of a text.

    Args:
        key: A key of the files, or "language".
        values: What stands for the placeholders of the text. The browser gets all texts when the page is
            opened, so a text with values has to be asked for while the page is being built.

    Raises:
        KeyError: there is no such text, or a placeholder of it has no value.
    """
    name = f"{PREFIX}{key}"
    if not values:
        I18N.translations["en"][name]
        return I18N(name)
    filled = f"{name} {' '.join(map(str, values.values()))}"
    for translations in I18N.translations.values():
        translations[filled] = translations[name].format(**values)
    return I18N(filled)


def in_english(value: Any) -> str:
    """Return a string, or a mark, with the English text in place of each mark."""
    return _MARK.sub(lambda mark: I18N.translations["en"][json.loads(mark[1])["key"]], str(value))
