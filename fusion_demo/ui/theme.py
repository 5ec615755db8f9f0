"""Colours, fonts and spacing. Nothing is fetched: the fonts are Gradio's own and the system's."""

import gradio as gr

from fusion_demo.heatmap import FONTS
from fusion_demo.ui.direction import AUTOMATIC_DIRECTION_CSS

THEME = gr.themes.Default(
    font=(gr.themes.LocalFont(FONTS[0], weights=(400, 600)), *FONTS[1:]),
    primary_hue=gr.themes.colors.blue,
    secondary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_md,
)

CSS = (
    AUTOMATIC_DIRECTION_CSS
    + """
/* Scripts with signs above and below the line need more room than Latin. */
textarea { line-height: 1.7 !important; font-size: 1.05rem !important; }

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

#answer .label, #answer .confidence { font-family: var(--font); }
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
.layer-plot { flex: 0 1 auto; overflow-x: auto !important; }

.shaded-name { color: var(--body-text-color-subdued); font-size: .9rem; }
.shaded-name:not(:first-child) { margin-top: .75rem; }
.shaded-text { line-height: 2.3; font-size: 1.15rem; word-spacing: .2em; overflow-wrap: anywhere; }
.shade { padding: .25em .3em; border-radius: .3em; }

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
.understood { font-size: 1.1rem; line-height: 1.6; }
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

/* The page's own text colour, in light and in dark. */
.layer-plot .js-plotly-plot text { fill: var(--body-text-color) !important; }
.layer-plot .js-plotly-plot .hovertext text { fill: #fff !important; }
.layer-plot .shapelayer path { stroke: var(--body-background-fill) !important; }
.layer-plot .modebar { display: none; }
/* A text from right to left begins at the right end of a wide heatmap. */
:is(.layers, .chat-panel):has([data-heatmap="rtl"]) :is(.layer-plot, .plot-container) { direction: rtl; }
.layer-plot .svg-container { direction: ltr; }
"""
)
