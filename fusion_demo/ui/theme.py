"""Colours, fonts and spacing. Nothing is fetched: the fonts are Gradio's own and the system's."""

import gradio as gr

from fusion_demo.heatmap import FONTS
from fusion_demo.ui.direction import AUTOMATIC_DIRECTION_CSS, INTERFACE_DIRECTION_CSS

THEME = gr.themes.Default(
    font=(gr.themes.LocalFont(FONTS[0], weights=(400, 600)), *FONTS[1:]),
    primary_hue=gr.themes.colors.blue,
    secondary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_md,
).set(
    # Gradio's own are too pale: 2.6 : 1 and, for the blues, 3.7 : 1, where WCAG asks for 4.5 : 1.
    color_accent="*primary_600",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    body_text_color_subdued="*neutral_500",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
)

CSS = (
    AUTOMATIC_DIRECTION_CSS
    + INTERFACE_DIRECTION_CSS
    + """
.dark { --color-accent: var(--primary-500); }

/* Where the keyboard is: Gradio takes the browser's own mark away. A part of the text has its own below. */
:is(a, button, summary, input, textarea, [tabindex]):focus-visible:not(.shade) {
    outline: 3px solid var(--color-accent) !important;
    outline-offset: 1px;
}

/* Scripts with signs above and below the line need more room than Latin. */
textarea { line-height: 1.7 !important; font-size: 1.05rem !important; }

/* A message that is too long for the list ends before the list's arrow. */
#pick input { text-overflow: ellipsis; padding-inline-end: 1.5rem; }

.facts { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; color: var(--body-text-color-subdued); }
.facts b { color: var(--body-text-color); font-weight: 600; }
.note { margin-top: .5rem; color: var(--body-text-color-subdued); }
.problem {
    padding: .75rem 1rem;
    border: 1px solid var(--error-border-color);
    border-radius: var(--radius-lg);
    background: var(--error-background-fill);
    color: var(--error-text-color);
}

:is(#answer, .lane-answer) :is(.label, .confidence) { font-family: var(--font); }
.html-container { padding: 0 !important; }
:is(#hint, #chat-hint) {
    display: grid;
    place-items: center;
    min-height: 260px;
    padding: 1.5rem;
    border: 1px dashed var(--border-color-primary);
    border-radius: var(--radius-lg);
    color: var(--body-text-color-subdued);
    text-align: center;
}

/* Side by side where both fit, one below the other where the heatmap needs the room. */
.layers { align-items: flex-start; gap: 1.5rem; }
.layers > * { width: auto; max-width: 100%; }
.reading { flex: 1 1 360px; }
.figure { flex: 0 1 auto; min-width: 0 !important; gap: .5rem; }
.layer-plot { overflow-x: auto !important; }
/* These take the width of their place, and are wider only until they are drawn anew. */
.layer-plot.fits { overflow-x: clip !important; }

.shaded-name { color: var(--body-text-color-subdued); font-size: .9rem; }
.shaded-name:not(:first-child) { margin-top: .75rem; }
.shaded-text { line-height: 2.3; font-size: 1.15rem; word-spacing: .2em; overflow-wrap: anywhere; }
.shade { padding: .25em .3em; border-radius: .3em; cursor: pointer; }
.shade.unknown { text-decoration: underline wavy; }
.shade:is(:focus, [aria-pressed="true"]) {
    outline: 3px solid var(--body-text-color);
    outline-offset: 1px;
}

.profile { width: 100%; max-width: 32rem; margin-top: 1rem; border-collapse: collapse; font-size: .9rem; }
.profile caption { padding-bottom: .35rem; text-align: start; }
.profile :is(th, td) { padding: .1rem .5rem .1rem 0; text-align: start; white-space: nowrap; }
.profile th { font-weight: 400; }
.profile td:last-child { font-variant-numeric: tabular-nums; }
.profile .profile-bar { position: relative; width: 100%; }
.profile-bar div { height: .75rem; border-radius: .15rem; background: var(--bar-fill); }
.profile-bar::after {
    position: absolute;
    inset-block: 0;
    inset-inline-start: var(--uniform);
    border-inline-start: 1px dashed var(--body-text-color);
    content: "";
}
:root { --bar-fill: #2563eb; }
.dark { --bar-fill: #60a5fa; }

.figure-buttons { gap: .5rem !important; }
.figure-buttons > * { flex: 0 0 auto !important; }
.numbers summary { cursor: pointer; padding: .35rem 0; }
.numbers-scroll { max-height: 24rem; overflow: auto; }
.heatmap-table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
.heatmap-table caption { text-align: start; }
.heatmap-table :is(th, td) {
    padding: .15rem .5rem;
    border-bottom: 1px solid var(--border-color-primary);
    text-align: end;
    white-space: nowrap;
}
.heatmap-table :is(th[scope="row"], th[scope="rowgroup"], th:first-child) { text-align: start; }
.download-slot { display: none; }
.full-screen {
    position: fixed !important;
    inset: 0;
    z-index: 1000;
    max-width: none !important;
    padding: 1rem;
    overflow: auto;
    background: var(--body-background-fill);
}

/* Each message follows its own direction; an answer keeps its lines. */
#talk .md {
    display: block;
    unicode-bidi: plaintext;
    text-align: start;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    line-height: 1.7;
}

/* On a phone the examples stand below what is shown of a message. */
@media (max-width: 700px) {
    .chat > .column:first-child { display: contents; }
    .chat > *, .chat > .column:first-child > * { order: 1; flex: 1 1 100%; }
    .chat :is(#chat-examples, #settings) { order: 2; }
}
.chat-panel:not(:has(.understood)), .chat-panel:has(.straight) .heard-and-used { display: none; }
.understood { font-size: 1.1rem; line-height: 1.6; overflow-wrap: anywhere; }
.heard { display: flex; flex-wrap: wrap; gap: .5rem; line-height: 1.5; }
.heard-word {
    display: flex;
    gap: .75rem;
    padding: .3rem .6rem;
    border: 1px solid var(--border-color-primary);
    border-radius: var(--radius-md);
    max-width: 100%;
    overflow-x: auto;
}
.heard-part { color: var(--body-text-color-subdued); font-size: .9rem; text-align: center; }
.heard-name { color: var(--body-text-color); font-size: 1.1rem; line-height: 1.8; }
.heard-other { color: var(--body-text-color-subdued); font-size: .9rem; }

/* Lanes stand side by side where they fit, and below each other on a phone. */
.lanes {
    display: grid !important;
    grid-template-columns: repeat(auto-fit, minmax(min(260px, 100%), 1fr));
    align-items: start;
}
.lane {
    min-width: 0 !important;
    padding: .75rem;
    border: 1px solid var(--border-color-primary);
    border-radius: var(--radius-lg);
}
.lane:not(:has(.answered)) .lane-answer, .lane:not(:has(.has-layers)) .lane-heatmap { display: none; }
.lane-heatmap { max-width: 100%; }
.english { margin-bottom: .75rem; line-height: 1.6; }
.english p { margin: 0; overflow-wrap: anywhere; }

/* Every cell of the results follows its own direction. */
#many-table [role="grid"] * { font-family: var(--font); }
#many-table [role="gridcell"] :is(div, span) { unicode-bidi: plaintext; text-align: start; width: 100%; }
.many-progress progress { width: min(20rem, 60%); vertical-align: middle; margin-inline-end: .5rem; }

.link-notice {
    margin-bottom: .5rem;
    padding: .5rem 1rem;
    border: 1px solid var(--border-color-primary);
    border-radius: var(--radius-lg);
    color: var(--body-text-color);
    overflow-wrap: anywhere;
}

/* Long commands wrap, so that a phone shows them whole. */
.command, .prose pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
.command {
    margin: .25rem 0 .75rem;
    padding: .5rem .75rem;
    border: 1px solid var(--border-color-primary);
    border-radius: var(--radius-md);
    background: var(--background-fill-secondary);
}
.prose pre code { white-space: pre-wrap; }
/* One colour: Gradio's for options is yellow on white. */
#command .cm-line span { color: inherit !important; }
.command span { display: inline-block; max-width: 100%; }
/* The menu that sorts a column, for fingers and readers who do not hover. */
#results-grid th .cell-menu-button { display: flex; }
#results-grid :is(th, td, span, button) { font-family: var(--font); font-variant-numeric: tabular-nums; }
.card { padding: .5rem 0; }
.card dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: .75rem 0; }
.card dt { color: var(--body-text-color-subdued); }
.card dd { margin: 0; overflow-wrap: anywhere; }
.card table { border-collapse: collapse; }
.card :is(th, td) { padding: .2rem .9rem .2rem 0; text-align: start; font-variant-numeric: tabular-nums; }
.card th { border-bottom: 1px solid var(--border-color-primary); font-weight: 600; }
@media (max-width: 700px) {
    .card dl { grid-template-columns: 1fr; }
    .card dd { margin-bottom: .5rem; }
}
.run { padding: .75rem 0; }
.run:not(:first-child) { border-top: 1px solid var(--border-color-primary); }
.run h3 { margin: 0; }
.curves .js-plotly-plot text { fill: var(--body-text-color) !important; }
.curves .js-plotly-plot .hovertext text { fill: #fff !important; }
.curves .modebar { display: none; }

/* The page's own text colour, in light and in dark. */
.layer-plot .js-plotly-plot text { fill: var(--body-text-color) !important; }
.layer-plot .js-plotly-plot .hovertext text { fill: #fff !important; }
.layer-plot .shapelayer path { stroke: var(--body-background-fill) !important; }
.layer-plot .modebar { display: none; }
/* A text from right to left begins at the right end of a wide heatmap. */
:is(.layers, .chat-panel, .lane):has([data-heatmap="rtl"]) :is(.layer-plot, .plot-container) {
    direction: rtl;
}
.layer-plot .svg-container { direction: ltr; }
"""
)
