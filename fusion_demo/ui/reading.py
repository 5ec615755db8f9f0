"""What the tabs show of a text that was read: facts, the layer heatmap, the shaded text."""

import html
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from gradio.i18n import I18nData

from fusion_demo.heatmap import (
    DIFFERENCE,
    WEIGHT,
    Columns,
    Scale,
    group_graphemes,
    group_words,
    heatmap_table,
    layer_heatmap,
    layer_name,
    most_used_layer,
)
from fusion_demo.languages import get_language
from fusion_demo.tokens import Text, Token
from fusion_demo.ui.direction import text_direction
from fusion_demo.ui.shaded_text import shaded_text
from fusion_demo.ui.translations import ui_text

WORDS, TOKENS = "Words", "Tokens"
MOST_USED = -1
"""Value of the layer choice that stands for the most-used layer."""

SCALES = {scale.name: scale for scale in (WEIGHT, DIFFERENCE)}
"""Name of a scale → what the colours and numbers are."""

MODELS = "models"
"""Name of the queue of those who need the models."""

ONE_AT_A_TIME = {"concurrency_id": MODELS, "concurrency_limit": 1}
"""The models use all cores for one text, so texts queue; where there are several processes of them, the page
allows more."""

PRESSED = {"trigger_mode": "always_last", **ONE_AT_A_TIME}
"""The same for a button. Pressed while its last answer is on the way, it answers once more: Gradio's
own default drops the press without a word."""


class Reading(Protocol):
    """A text or pair that was read, as `Classification` and `ChatTurn` are.

    Attributes:
        checkpoint: Name of the checkpoint that read it.
        text: The text, or both texts of a pair.
        fields: What each text is called.
        language: Code of the language that it seems to be in, or None.
        tokens: The T tokens that the encoder read.
        parts: For each token the number of its text, from 0.
        layers: Numbers of the layers, as the columns of `layer_weights`.
        layer_weights: (T, L), the weights with which the fusion mixed the layers.
        truncated: Whether the encoder read only the beginning of a text.
        prompt_truncated: Whether the LLM itself read only the beginning of it.
        removed: Number of control characters that were left out.
    """

    checkpoint: str
    text: Text
    fields: tuple[str, ...]
    language: str | None
    tokens: list[Token]
    parts: list[int]
    layers: list[int]
    layer_weights: np.ndarray
    truncated: bool
    prompt_truncated: bool
    removed: int


def draw_heatmap(result: Reading, view: str, scale: Scale = WEIGHT) -> go.Figure:
    """Return the heatmap of a result, with a column for each of its `WORDS` or `TOKENS`.

    Between the two texts of a pair stands an empty column.
    """
    tokens, weights = _with_gaps(heatmap_columns(result, view))
    return layer_heatmap(
        tokens, weights, scale=scale, first_layer=result.layers[0], direction=result_direction(result)
    )


def draw_table(result: Reading, view: str, scale: Scale = WEIGHT) -> str:
    """Return HTML with the numbers of a result's heatmap as a table, closed until a reader opens it."""
    table = heatmap_table(
        heatmap_columns(result, view),
        scale=scale,
        first_layer=result.layers[0],
        direction=result_direction(result),
    )
    return (
        '<details class="numbers"><summary>The heatmap as a table</summary>'
        f'<div class="numbers-scroll" role="region" aria-label="The heatmap as a table" tabindex="0">{table}'
        "</div></details>"
    )


def draw_text(result: Reading, view: str, layer: int, scale: Scale = WEIGHT) -> str:
    """Return the shaded text of a result, or both texts of a pair, in the colours of its heatmap.

    Args:
        result: What is shown.
        view: `WORDS` or `TOKENS`; tokens that cut through a sign of the script share a shade.
        layer: One of the result's layers, or `MOST_USED`.
        scale: What the colours stand for.
    """
    if layer == MOST_USED:
        layer = most_used_layer(result.tokens, result.layer_weights, first_layer=result.layers[0])
    reach = max(scale.reach(scale.values(part.layer_weights)) for part in heatmap_columns(result, view))
    parts = shaded_columns(result, view)
    column = result.layers.index(layer)
    lines, first = [], 0
    for part, text in zip(parts, _texts(result), strict=True):
        if len(parts) > 1:
            lines.append(f'<div class="shaded-name">{html.escape(part.field.capitalize())}</div>')
        values = scale.values(part.layer_weights)[:, column]
        lines.append(
            shaded_text(part.tokens, values, layer, reach, text_direction(text), scale=scale, first=first)
        )
        first += len(part.tokens)
    return f'<div class="shaded-texts" data-heatmap="{result_direction(result)}">{"".join(lines)}</div>'


def heatmap_columns(result: Reading, view: str) -> list[Columns]:
    """Return what the heatmap of a result shows, by text: a column for each of its `WORDS` or `TOKENS`."""
    parts = _parts(result)
    return _words(parts) if view == WORDS else parts


def shaded_columns(result: Reading, view: str) -> list[Columns]:
    """Return the parts of each text that are shaded and can be chosen: no sign of the script is cut."""
    if view == WORDS:
        return _words(_parts(result))
    return [Columns(part.field, *group_graphemes(part.tokens, part.layer_weights)) for part in _parts(result)]


def result_direction(result: Reading) -> str:
    """Return "rtl" where the heatmap of a result runs from right to left, else "ltr"."""
    return text_direction(" ".join(_texts(result)))


def view_choices() -> list[tuple[I18nData, str]]:
    """Return what the columns of a heatmap can be, with their names."""
    return [(ui_text("words"), WORDS), (ui_text("tokens"), TOKENS)]


def layer_choices(result: Reading) -> list[tuple[str, int]]:
    """Return the layers that the text can be shaded by, `MOST_USED` first, with their names."""
    most_used = most_used_layer(result.tokens, result.layer_weights, first_layer=result.layers[0])
    names = {layer: str(layer) if layer else layer_name(layer) for layer in result.layers}
    return [
        (f"{ui_text('most_used')} ({names[most_used]})", MOST_USED),
        *((name, layer) for layer, name in names.items()),
    ]


def facts_html(facts: Sequence[tuple[str, str]], notes: Sequence[str] = ()) -> str:
    """Return HTML with a line of names and values, and a line for each note.

    Args:
        facts: Names and values; the values are escaped and keep their direction to themselves.
        notes: Sentences of the page's own.
    """
    line = "".join(f"<span>{name} <b><bdi>{html.escape(value)}</bdi></b></span>" for name, value in facts)
    lines = "".join(f'<div class="note">{note}</div>' for note in notes)
    return f'<div class="facts">{line}</div>{lines}'


def language_fact(result: Reading) -> str:
    """Return what a reader calls the language of a text, or that it was not recognised."""
    return language_name(result.language) if result.language else "not recognised"


def own_tokens(result: Reading) -> list[Token]:
    """Return the tokens that stand for a part of the text."""
    return [token for token in result.tokens if not token.special]


def reading_notes(result: Reading) -> list[str]:
    """Return sentences about what of a text was not read, or not known."""
    own = own_tokens(result)
    unknown = sum(token.unknown for token in own)
    notes = []
    if result.truncated:
        whole = f"its first {len(own)} tokens were" if len(result.fields) == 1 else "the beginning was"
        notes.append(f"The text is long: only {whole} read.")
    if result.prompt_truncated:
        notes.append("The text is long: the LLM itself read only its beginning.")
    if unknown:
        notes.append(
            f"{unknown} of {len(own)} tokens {'is' if unknown == 1 else 'are'} unknown to the encoder."
        )
    if result.removed:
        plural = "character was" if result.removed == 1 else "characters were"
        notes.append(f"{result.removed} control {plural} left out.")
    return notes


def problem_html(message: str) -> str:
    """Return HTML for an error that the reader can mend."""
    return f'<div class="problem" role="alert">{html.escape(message, quote=False)}</div>'


def language_name(code: str) -> str:
    """Return a language's name in English and in itself. Example: "si" -> "Sinhala · සිංහල"."""
    language = get_language(code)
    if language.own_name == language.english_name:
        return language.english_name
    return f"{language.english_name} · {language.own_name}"


def _texts(result: Reading) -> tuple[str, ...]:
    return (result.text,) if isinstance(result.text, str) else result.text


def _parts(result: Reading) -> list[Columns]:
    """The tokens and weights of each text of a result."""
    where = np.array(result.parts)
    return [
        Columns(
            field,
            [result.tokens[row] for row in np.flatnonzero(where == part)],
            result.layer_weights[where == part],
        )
        for part, field in enumerate(result.fields)
    ]


def _words(parts: list[Columns]) -> list[Columns]:
    return [Columns(part.field, *group_words(part.tokens, part.layer_weights)) for part in parts]


def _with_gaps(parts: list[Columns]) -> tuple[list[Token], np.ndarray]:
    """Put texts side by side, with a column of nothing between them."""
    tokens, weights = list(parts[0].tokens), [parts[0].layer_weights]
    for part in parts[1:]:
        tokens += [Token("", -1), *part.tokens]
        weights += [np.full_like(part.layer_weights[:1], np.nan), part.layer_weights]
    return tokens, np.concatenate(weights)
