"""The heatmap's numbers as an HTML table, for screen readers and for copying."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_demo.heatmap.grouping import check_rows
from fusion_demo.heatmap.labels import short_layer_name
from fusion_demo.heatmap.scales import WEIGHT, Scale
from fusion_demo.tokens import Token


@dataclass(frozen=True)
class Columns:
    """What a heatmap shows of one text.

    Attributes:
        field: What the text is called, as "premise".
        tokens: C tokens, or words from `group_words`.
        layer_weights: (C, L) weights.
    """

    field: str
    tokens: Sequence[Token]
    layer_weights: np.ndarray


def heatmap_table(
    texts: Sequence[Columns], *, scale: Scale = WEIGHT, first_layer: int = 1, direction: str = "ltr"
) -> str:
    """Return an HTML table with a row for each of the heatmap's columns, and a column for each of its rows.

    Args:
        texts: The text, or both of a pair, as the heatmap shows them.
        scale: What the numbers are: the weights, or their difference from uniform.
        first_layer: Number of the weights' first column; 0 where it is the embedding output.
        direction: "rtl" puts the layers from right to left, as the heatmap's text runs.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    layers = range(first_layer, first_layer + texts[0].layer_weights.shape[1])
    head = "".join(f'<th scope="col">{short_layer_name(layer)}</th>' for layer in layers)
    body = []
    for columns in texts:
        check_rows(columns.tokens, columns.layer_weights)
        if len(texts) > 1:
            name = html.escape(columns.field.capitalize())
            body.append(f'<tr><th scope="rowgroup" colspan="{len(layers) + 1}">{name}</th></tr>')
        values = scale.values(columns.layer_weights).tolist()
        for token, numbers in zip(columns.tokens, values, strict=True):
            cells = "".join(f"<td>{number:{scale.number}}</td>" for number in numbers)
            unknown = " <small>unknown to the encoder</small>" if token.unknown else ""
            name = f"<bdi>{html.escape(token.text)}</bdi>{unknown}"
            body.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return (
        f'<table class="heatmap-table" dir="{direction}"><caption>{html.escape(scale.title)} of each layer, '
        f'by part of the text</caption><thead><tr><th scope="col">part</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )
