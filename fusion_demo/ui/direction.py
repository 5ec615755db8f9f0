"""Which way a text is written, and how the page follows it."""

import unicodedata

AUTOMATIC_DIRECTION_CSS = """
textarea {
    unicode-bidi: plaintext;
    text-align: start;
}
"""
"""Text fields follow what is typed: the first letter of each line sets its direction."""

INTERFACE_DIRECTION_CSS = """
/* Gradio says "from left to right" on every block, whatever the page says. */
html[dir="rtl"] :is(.block, .prose, .html-container, .md, textarea, input) { direction: rtl; }
html[dir="rtl"] :is(.prose, .md) { text-align: start; }
/* What stays English on such a page follows its own direction. */
html[dir="rtl"] .prose :is(p, h2, h3, h4, li),
html[dir="rtl"] :is(.note, .problem, .shaded-name, .profile caption, .gallery-item, .gallery-item *) {
    unicode-bidi: plaintext;
    text-align: start;
}
html[dir="rtl"] :is(pre, code, .command, .cm-editor, .table-wrap, .card, .run, .numbers-scroll) {
    direction: ltr;
    text-align: left;
}
/* Where its style sheet says left and right; a slider is filled from the left. */
html[dir="rtl"] .slider_input_container, html[dir="rtl"] .slider_input_container * { direction: ltr; }
html[dir="rtl"] .block > label.float { right: var(--block-label-margin); left: auto; }
html[dir="rtl"] .secondary-wrap .icon-wrap { right: auto; left: var(--size-5); }
html[dir="rtl"] label > input + span { margin-inline: var(--size-2) 0; }
html[dir="rtl"] .label > svg { margin-inline: 0 var(--size-1); }
"""
"""A page in a language that is written from right to left; `interface_language` sets its direction."""


def text_direction(text: str) -> str:
    """Return "rtl" if most letters of a text are written from right to left, else "ltr".

    Example: "BBC اردو سروس" -> "rtl"; "Sinhala: සිංහල" -> "ltr".
    """
    classes = [unicodedata.bidirectional(character) for character in text]
    right_to_left = sum(name in ("R", "AL") for name in classes)
    return "rtl" if right_to_left > classes.count("L") else "ltr"
