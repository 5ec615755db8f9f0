"""The page's own language and direction follow the language that its texts are shown in."""

import json
from collections.abc import Sequence

import gradio as gr

from fusion_demo.ui.translations import ui_text

FOLLOW_JS = r"""
const follow = () => {
    const [language, direction] = (props.value || 'en ltr').split(' ');
    document.documentElement.lang = language;
    document.documentElement.dir = direction;
};
follow();
watch('value', follow);
// Gradio starts only in a language that it has texts of its own for, and it has none in Sinhala. What its
// menu of languages calls does take one of ours; where it is not found, the page stays in English.
const speakSinhala = () => {
    // Tabs that come later, as over a slow network, would miss the change and keep their English names.
    if (!document.querySelector('#tabs [role=tab]')) return setTimeout(speakSinhala, 50);
    const loaded = performance.getEntriesByType('resource').map((entry) => entry.name);
    const core = loaded.find((name) => /\/assets\/core-[\w-]+\.js$/.test(name));
    if (core) import(core).then((module) => module.changeLocale?.('si'));
};
if (/^si\b/i.test(navigator.language)) speakSinhala();
"""
"""JavaScript of an unseen component whose value, a mark, Gradio translates to a code and a direction."""


def language_mark() -> gr.HTML:
    """Add the unseen component to the current `gr.Blocks`, for `translate_tabs`."""
    return gr.HTML(
        str(ui_text("language")),
        js_on_load=FOLLOW_JS,
        elem_id="interface-language",
        elem_classes="download-slot",
        apply_default_css=False,
    )


def translate_tabs(mark: gr.HTML, tabs: Sequence[gr.Tab]) -> None:
    """Name the tabs anew whenever the language changes: Gradio names one that was never open only once."""
    updates = [{"__type__": "update", "label": str(tab.label)} for tab in tabs]
    mark.change(
        None,
        None,
        list(tabs),
        js=f"() => {json.dumps(updates)}",
        queue=False,
        api_visibility="private",
        show_progress="hidden",
    )
