"""What the tab Chat shows of one message: facts, how it was understood, and what the LLM hears."""

import html
from collections.abc import Sequence
from itertools import groupby

from fusion_demo.chat import ChatTurn, Heard
from fusion_demo.heatmap import shortened
from fusion_demo.ui.direction import text_direction
from fusion_demo.ui.reading import facts_html, language_fact, reading_notes
from fusion_demo.ui.translations import ui_text

CHOICE_SIGNS = 40
"""Longer messages are cut in the list of messages."""

UNDERSTOOD = {"well": "understood_well", "partly": "understood_partly", "hardly": "understood_hardly"}
"""How well a message was understood → key of the words for it."""


def message_choices(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Return the user's messages as choices: their number and beginning → their index.

    Example: `message_choices(["Hello"])` -> [("1 · Hello", 0)].
    """
    return [
        (f"{index + 1} · \u2068{shortened(text, CHOICE_SIGNS)}\u2069", index)
        for index, text in enumerate(texts)
    ]


def turn_facts(turn: ChatTurn) -> str:
    """Return HTML with the language, sizes and times of a turn, and what to know about it."""
    facts = [
        ("Language", language_fact(turn)),
        ("Soft tokens", str(turn.soft_tokens)),
        ("Tokens in", str(turn.tokens_in)),
        ("Tokens out", str(turn.tokens_out)),
        ("First token", f"{turn.first_token_milliseconds:.0f} ms"),
    ]
    if turn.tokens_out > 1:
        facts.append(("Each further", f"{turn.token_milliseconds:.0f} ms"))
    notes = reading_notes(turn)
    if turn.dropped:
        were = "message was" if turn.dropped == 1 else "messages were"
        notes.append(f"The conversation is long: the oldest {turn.dropped} {were} left out.")
    if turn.cut:
        notes.append("The answer reached its greatest length.")
    if turn.stopped:
        notes.append("It was stopped.")
    return facts_html(facts, notes)


def understood(turn: ChatTurn) -> str:
    """Return HTML with the English words that a message was understood as, and how well."""
    if turn.straight:
        return f'<div class="understood straight">{ui_text("went_straight")}</div>'
    if not turn.understood:
        return being_understood(turn.echo)
    said = f'<q dir="auto">{html.escape(turn.echo)}</q>'
    how = ui_text(UNDERSTOOD[turn.understood])
    near = f"cosine {turn.similarity:.2f}"
    return f'<div class="understood {turn.understood}" title="{near}">{how} {said}</div>'


def being_understood(echo: str) -> str:
    """Return HTML with the English words that a message is understood as so far."""
    said = f'<q dir="auto">{html.escape(echo)}</q>' if echo else "…"
    return f'<div class="understood">{ui_text("understood_as")} {said}</div>'


def heard_words(turn: ChatTurn) -> str:
    """Return HTML with the parts of a message, each above the words that its soft token is nearest to.

    The parts stand in the order of the text and in its direction; those of one word stand together.
    """
    direction = text_direction(turn.text)
    groups = groupby(enumerate(turn.hears), key=lambda pair: (pair[1].word, pair[1].word < 0 and pair[0]))
    words = ["".join(_heard(part) for _, part in group) for _, group in groups]
    shown = "".join(f'<div class="heard-word">{word}</div>' for word in words)
    return f'<div class="heard" dir="{direction}" data-heatmap="{direction}">{shown}</div>'


def _heard(part: Heard) -> str:
    name = html.escape(part.text) if part.text else "whole message"
    kind = "heard-name" if part.text and not part.special else "heard-name heard-other"
    near = "".join(
        f'<div title="cosine {cosine:.3f}">{html.escape(word)}</div>' for word, cosine in part.nearest
    )
    above = f'<div class="{kind}"><bdi>{name}</bdi></div>'
    return f'<div class="heard-part">{above}<div dir="ltr">{near}</div></div>'
