"""Pieces joined to words or to whole signs of the script, with the mean of their weights."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from fusion_demo.errors import ShapeError
from fusion_demo.heatmap.graphemes import same_grapheme
from fusion_demo.tokens import WORD_MARK, Token


def group_words(tokens: Sequence[Token], layer_weights: np.ndarray) -> tuple[list[Token], np.ndarray]:
    """Join the pieces of each word; a word's weights are the mean of its pieces' weights.

    Special tokens stand for no part of the text and are left out.

    Args:
        tokens: T tokens.
        layer_weights: (T, L) weights.

    Returns:
        W words as tokens, and their (W, L) weights of the same type.

    Example: ("good", word 0; "day", word 1; "s", word 1) with weights ((1, 0), (1, 0), (0, 1))
    -> "good" (1, 0) and "days" (0.5, 0.5).

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    check_rows(tokens, layer_weights)
    rows = [row for row, token in enumerate(tokens) if not token.special]
    return _merged(tokens, layer_weights, [tokens[row].word for row in rows], rows)


def group_graphemes(tokens: Sequence[Token], layer_weights: np.ndarray) -> tuple[list[Token], np.ndarray]:
    """Join pieces that cut through one sign of the script, with the mean of their weights.

    A vowel sign, a conjunct or a flag must not be torn apart where pieces are drawn as text. The
    mark of a space joins what follows it. Special tokens are left out.

    Args:
        tokens: T tokens.
        layer_weights: (T, L) weights.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    check_rows(tokens, layer_weights)
    rows = [row for row, token in enumerate(tokens) if not token.special]
    groups: list[int] = []
    sign, word = "", None
    for row in rows:
        token = tokens[row]
        text = "" if token.text == WORD_MARK else token.text
        joins = token.word == word and (not sign or same_grapheme(sign, text))
        groups.append((groups[-1] if groups else -1) + (not joins))
        sign, word = sign + text if joins else text, token.word
    return _merged(tokens, layer_weights, groups, rows)


def most_used_layer(tokens: Sequence[Token], layer_weights: np.ndarray, *, first_layer: int = 1) -> int:
    """Return the layer, counted from `first_layer`, with the largest mean weight over the text's own tokens.

    Example: weights ((0.2, 0.8), (0.6, 0.4)) of two plain tokens -> 2, since 0.6 > 0.4.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    return int(text_profile(tokens, layer_weights).argmax()) + first_layer


def text_profile(tokens: Sequence[Token], layer_weights: np.ndarray) -> np.ndarray:
    """Return the mean weights over the text's own tokens: (T, L) -> (L,).

    Special tokens stand for no part of the text and are left out, unless there is nothing else.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    check_rows(tokens, layer_weights)
    own = [not token.special for token in tokens]
    return (layer_weights[own] if any(own) else layer_weights).mean(axis=0)


def check_rows(tokens: Sequence[Token], layer_weights: np.ndarray) -> None:
    """Check that there is one row of weights per token.

    Raises:
        ShapeError: there are no tokens, or not one row of weights for each.
    """
    if layer_weights.ndim != 2 or not len(tokens) == layer_weights.shape[0] > 0:
        raise ShapeError(
            f"The heatmap needs one row of layer weights per token, of shape (T, L); it got {len(tokens)} "
            f"tokens and weights of shape {tuple(layer_weights.shape)}."
        )


def _merged(
    tokens: Sequence[Token], layer_weights: np.ndarray, groups: list[int], rows: list[int]
) -> tuple[list[Token], np.ndarray]:
    joined, means = [], []
    for _, members in groupby(zip(groups, rows, strict=True), key=lambda pair: pair[0]):
        own = [row for _, row in members]
        pieces = [tokens[row] for row in own]
        text = "".join(piece.text for piece in pieces if piece.text != WORD_MARK)
        joined.append(
            Token(text or WORD_MARK, pieces[0].word, unknown=any(piece.unknown for piece in pieces))
        )
        means.append(layer_weights[own].mean(axis=0, dtype=layer_weights.dtype))
    empty = np.empty((0, layer_weights.shape[1]), layer_weights.dtype)
    return joined, np.stack(means) if means else empty
