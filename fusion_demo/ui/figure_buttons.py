"""What the buttons below a figure do in the browser: full screen, and a picture to keep."""

import json

from fusion_demo.ui.translations import ui_text

LARGEST_SIDE = 16_000
"""Longest side, in pixels, of a picture that browsers still draw."""


def full_screen_js(box: str, plot: str, button: str) -> str:
    """Return JavaScript that lets a box fill the window and its figure use the room, and takes it back.

    A class of the style sheet does it, and not the browser's own full screen, which phones and frames of
    other sites refuse. Escape takes it back too, by pressing the button: what this returns is its new text,
    which Gradio translates on its way from an event to a component and nowhere else.

    Args:
        box: Id of the box.
        plot: Id of the `gr.Plot` inside.
        button: Id of the button, also inside, that is pressed to fill the window and to leave.
    """
    return f"""() => {{
    const box = document.getElementById('{box}');
    const button = document.getElementById('{button}');
    const plot = () => document.querySelector('#{plot} .js-plotly-plot');
    const leave = () => {{
        if (!box.classList.contains('full-screen')) return;
        box.classList.remove('full-screen');
        document.removeEventListener('keydown', box.onEscape);
        const figure = plot();
        if (figure && box.size) window.Plotly.relayout(figure, box.size);
        box.size = null;
        button.focus();
    }};
    if (box.left || box.classList.contains('full-screen')) {{
        box.left = false;
        leave();
        return {json.dumps(str(ui_text("full_screen")))};
    }}
    box.onEscape = (event) => {{
        if (event.key !== 'Escape') return;
        leave();
        box.left = true;
        button.click();
    }};
    box.classList.add('full-screen');
    document.addEventListener('keydown', box.onEscape);
    const figure = plot();
    if (!figure || !window.Plotly) return {json.dumps(str(ui_text("leave_full_screen")))};
    box.size = {{width: figure._fullLayout.width, height: figure._fullLayout.height}};
    window.Plotly.relayout(figure, {{
        width: Math.max(box.size.width, window.innerWidth - 48),
        height: Math.max(box.size.height, window.innerHeight - 140),
    }});
    return {json.dumps(str(ui_text("leave_full_screen")))};
}}"""


def save_png_js(plot: str, name: str) -> str:
    """Return JavaScript that saves a figure as a picture on white, up to twice as fine as the screen.

    plotly.js draws it in the browser, where the scripts of all languages are shaped.

    Args:
        plot: Id of the `gr.Plot`.
        name: Name of the file.
    """
    return f"""async () => {{
    const figure = document.querySelector('#{plot} .js-plotly-plot');
    if (!figure || !window.Plotly) return;
    const {{width, height}} = figure._fullLayout;
    const scale = Math.min(2, {LARGEST_SIDE} / Math.max(width, height));
    const link = document.createElement('a');
    link.href = await window.Plotly.toImage(
        figure, {{format: 'png', width, height, scale, setBackground: 'opaque'}});
    link.download = '{name}';
    link.click();
}}"""
