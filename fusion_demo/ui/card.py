"""A checkpoint's card as HTML; every value in it is escaped."""

import html
import re
from collections.abc import Sequence

from fusion_demo.card import (
    ACCURACY_HEADER,
    CheckpointInfo,
    accuracy_rows,
    card_facts,
    card_summary,
    use_command,
)


def card_html(info: CheckpointInfo) -> str:
    """Return a checkpoint's card: what it is, its facts, its commands, its accuracy by language."""
    try:
        facts = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{_inline(value)}</dd>"
            for name, value in card_facts(info).items()
        )
        tables = "".join(
            f"<h4>Accuracy on the {split} split</h4><p>Zero-shot for every language but English; 95 % Wilson "
            f"intervals. Measured with</p>{command_html(info.metrics[split]['command'])}"
            f"{_table(accuracy_rows(info.metrics[split]))}"
            for split in ("dev", "test")
            if split in info.metrics
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return (
            f'<div class="card"><h3>{html.escape(info.name)}</h3>'
            "<p>Its metrics.json is damaged. Evaluate it again, or copy it again.</p></div>"
        )
    return (
        f'<div class="card"><h3>{html.escape(info.name)}</h3><p>{_inline(card_summary(info))}</p>'
        f"<dl>{facts}</dl><h4>Train it again with</h4>{command_html(info.command)}"
        f"<h4>Use it with</h4>{command_html(use_command(info))}{tables}</div>"
    )


def command_html(command: str) -> str:
    """Return a command as it is pasted into a shell; a long one wraps between its words."""
    words = " ".join(f"<span>{html.escape(word)}</span>" for word in command.split(" "))
    return f'<pre class="command"><code>{words}</code></pre>'


def _inline(text: str) -> str:
    """Escape a text; what stands in backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in ACCURACY_HEADER)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
