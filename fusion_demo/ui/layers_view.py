"""What the tab Layers shows as text and tables: profiles, their distances, the masking of a text."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from fusion_demo.heatmap import shortened
from fusion_demo.layer_session import TextLayers
from fusion_demo.layer_use import Profile, profile_distances, sequence_of
from fusion_demo.layer_use.profiles import PANELS, layer_ticks
from fusion_demo.ui.direction import text_direction
from fusion_demo.ui.reading import language_name

TITLE_GRAPHEMES = 24
"""Longer texts are cut where they name a line."""


def read_texts_table(found: Sequence[TextLayers]) -> str:
    """Return HTML with a row for each text that was read: its language, its size, its most-used layer."""
    rows = []
    for number, one in enumerate(found, start=1):
        text = one.profile.title
        layer = one.layers[max(range(len(one.layers)), key=one.profile.weights.__getitem__)]
        language = language_name(one.language) if one.language else "not recognised"
        cut = " (the beginning)" if one.truncated else ""
        rows.append(
            [
                f'{number} <span dir="{text_direction(text)}">'
                f"{html.escape(shortened(text, TITLE_GRAPHEMES))}</span>",
                html.escape(language),
                f"{one.tokens}{cut}",
                sequence_of([layer]),
            ]
        )
    return _table("What was read", ["text", "language", "tokens", "most-used layer"], rows)


def titled(found: Sequence[TextLayers]) -> list[Profile]:
    """Return the profiles of texts under the names of their languages, which are numbered.

    Example: "1 Sinhala".
    """
    profiles = []
    for number, one in enumerate(found, start=1):
        name = language_name(one.language).partition(" · ")[0] if one.language else "unknown language"
        profiles.append(Profile(f"{number} {name}", one.profile.weights, one.profile.shares))
    return profiles


def profiles_tables(layers: Sequence[int], profiles: Sequence[Profile]) -> str:
    """Return HTML with the numbers of a figure of profiles, closed until a reader opens it."""
    tables = []
    for panel, title in PANELS.items():
        rows = []
        for profile in profiles:
            interval = getattr(profile, f"{panel}_interval")
            cells = [f"{value:.4f}" for value in getattr(profile, panel)]
            if interval is not None:
                cells = [
                    f"{cell}<br><small>{low:.4f} to {high:.4f}</small>"
                    for cell, low, high in zip(cells, *interval, strict=True)
                ]
            rows.append([html.escape(profile.title), *cells])
        tables.append(_table(title, ["", *layer_ticks(layers)], rows))
    return _closed("The figure as tables", "".join(tables))


def distances_table(profiles: Sequence[Profile]) -> str:
    """Return HTML with the distance of each two profiles; nothing where there is one alone."""
    if len(profiles) < 2:
        return ""
    distances = profile_distances([profile.weights for profile in profiles])
    titles = [html.escape(profile.title) for profile in profiles]
    rows = [
        [title, *(f"{value:.3f}" for value in row)]
        for title, row in zip(titles, distances.tolist(), strict=True)
    ]
    caption = "How far the weights are apart: Jensen-Shannon distance, 0 (equal) to 1 (no layer in common)"
    return _table(caption, ["", *titles], rows)


def masking_html(summary: Mapping[str, Any]) -> str:
    """Return HTML with what masking did to the answer of a text, number by number.

    Args:
        summary: From `summarise_masking`.
    """
    rows = []
    for row in summary["masked"]:
        changed = row["answer"] != summary["answer"]
        answer = f"<b>{html.escape(row['answer'])}</b>" if changed else html.escape(row["answer"])
        interval = row["random_interval"]
        spread = f"<br><small>{_signed(interval[0])} to {_signed(interval[1])}</small>" if interval else ""
        rows.append(
            [
                str(row["k"]),
                sequence_of(row["layers"]),
                _signed(row["change"]),
                answer,
                f"{_signed(row['random_change'])}{spread}",
                f"{row['random_same']} of {summary['draws']}",
            ]
        )
    head = ["k", "most-used layers", "change", "answer then", "k random layers, mean (95 %)", "answer kept"]
    caption = (
        f"Answer: <b>{html.escape(summary['answer'])}</b>, log-likelihood "
        f"{_signed(summary['log_likelihood'])} nats. Its change when k layers are masked and the other "
        "weights divided by their sum:"
    )
    return _table(caption, head, rows)


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table from parts that are HTML themselves; the first of a row names it."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        '<div class="numbers-scroll" role="region" aria-label="table" tabindex="0">'
        '<table class="heatmap-table">'
        f"<caption>{caption}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _closed(title: str, content: str) -> str:
    return f'<details class="numbers"><summary>{title}</summary>{content}</details>'


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
