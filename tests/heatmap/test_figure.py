"""The heatmap paints the weights it is given, and nothing in a text can change how it is drawn."""

import html
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_demo.errors import ShapeError
from fusion_demo.heatmap import (
    COLUMN_PIXELS,
    LABEL_GRAPHEMES,
    UNKNOWN_MARK,
    cell_colours,
    graphemes,
    group_graphemes,
    group_words,
    layer_heatmap,
    most_used_layer,
    same_grapheme,
    shortened,
)
from fusion_demo.heatmap.figure import MAX_LABELS
from fusion_demo.heatmap.graphemes import visible_length
from fusion_demo.tokens import Token

START, END = Token("<s>", -1, special=True), Token("</s>", -1, special=True)


def weights_of(count: int, layers: int = 3) -> np.ndarray:
    """Return (count, layers) weights whose rows sum to 1, the same each time."""
    raw = np.random.default_rng(count).random((count, layers), dtype=np.float32)
    return raw / raw.sum(axis=1, keepdims=True)


def words(*texts: str) -> list[Token]:
    return [Token(text, word) for word, text in enumerate(texts)]


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize(("count", "layers"), [(1, 1), (2, 24), (60, 12)])
def test_it_paints_exactly_the_given_weights(count, layers, direction):
    weights = weights_of(count, layers)
    trace = layer_heatmap(words(*"x" * count), weights, direction=direction).data[0]
    assert trace.z.dtype == weights.dtype
    assert trace.z.tobytes() == weights.T.tobytes()
    assert (trace.zmin, trace.zmax) == (0.0, float(weights.max()))


def test_the_hover_tells_word_layer_and_number():
    trace = layer_heatmap(words("good", "days"), weights_of(2)).data[0]
    assert [list(row) for row in trace.text] == [["good", "days"]] * 3
    assert [list(row) for row in trace.customdata] == [["layer 1"] * 2, ["layer 2"] * 2, ["layer 3"] * 2]
    assert all(part in trace.hovertemplate for part in ("%{text}", "%{customdata}", "%{z:.6f}"))


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_the_embedding_output_stands_below_the_first_layer_by_its_name(direction):
    weights = weights_of(2)
    plain = layer_heatmap(words("good", "days"), weights, direction=direction).layout
    figure = layer_heatmap(words("good", "days"), weights, first_layer=0, direction=direction)
    trace, axis, margin = figure.data[0], figure.layout.yaxis, figure.layout.margin
    assert trace.z.tobytes() == weights.T.tobytes()
    assert [row[0] for row in trace.customdata] == ["embeddings", "layer 1", "layer 2"]
    assert list(trace.y) == list(axis.tickvals) == [0, 1, 2]
    assert list(axis.ticktext) == ["embeddings", "1", "2"]
    assert axis.range == (-0.5, 2.5)
    side = "l" if direction == "ltr" else "r"
    assert margin[side] > plain.margin[side]
    assert figure.layout.width - margin.l - margin.r == plain.width - plain.margin.l - plain.margin.r


def test_words_are_set_apart_down_to_the_embedding_output():
    tokens = [Token("ලං", 0), Token("කා", 0), Token("ජය", 1)]
    (line,) = layer_heatmap(tokens, weights_of(3), first_layer=0).layout.shapes
    assert line.path == "M1.5,-0.5 L1.5,2.5"


def test_left_to_right_starts_on_the_left():
    layout = layer_heatmap(words("good", "days"), weights_of(2)).layout
    assert layout.xaxis.range == (-0.5, 1.5)
    assert layout.yaxis.side == "left"


def test_right_to_left_starts_on_the_right_with_the_layers_beside():
    layout = layer_heatmap(words("یہ", "خبر"), weights_of(2), direction="rtl").layout
    assert layout.xaxis.range == (1.5, -0.5)
    assert layout.yaxis.side == "right"


def test_every_column_has_its_label_in_order():
    axis = layer_heatmap(words("good", "good", "days"), weights_of(3)).layout.xaxis
    assert list(axis.tickvals) == [0, 1, 2]
    assert list(axis.ticktext) == ["good", "good", "days"]


@pytest.mark.parametrize("count", [1, 8, 60, 256])
def test_columns_stay_readable_however_many_there_are(count):
    layout = layer_heatmap(words(*["word"] * count), weights_of(count)).layout
    column = (layout.width - layout.margin.l - layout.margin.r) / count
    assert COLUMN_PIXELS[0] <= column <= COLUMN_PIXELS[1]


@pytest.mark.parametrize(
    "text", ["<b>x</b>", "<br>", "<a href='javascript:x'>y</a>", "a&b", "&lt;i&gt;", "&#60;", "$x^2$"]
)
def test_html_in_a_text_is_shown_as_it_was_written(text):
    figure = layer_heatmap(words(text), weights_of(1))
    for drawn in (figure.layout.xaxis.ticktext[0], figure.data[0].text[0][0]):
        assert "<" not in drawn
        assert not re.search(r"&(?!(amp|lt|gt);)", drawn)
    assert html.unescape(figure.data[0].text[0][0]) == text


def test_long_labels_are_cut_between_signs_and_whole_in_the_hover():
    text = "ක්‍රීඩාංගණයකින්" * 3
    figure = layer_heatmap(words(text), weights_of(1))
    (label,) = figure.layout.xaxis.ticktext
    shown = label.removesuffix("…")
    assert label != shown
    assert text.startswith(shown)
    assert not same_grapheme(shown, text[len(shown) :])
    assert figure.data[0].text[0][0] == text


def test_a_label_of_just_the_longest_length_is_not_cut():
    (label,) = layer_heatmap(words("x" * LABEL_GRAPHEMES), weights_of(1)).layout.xaxis.ticktext
    assert label == "x" * LABEL_GRAPHEMES


def test_right_to_left_labels_are_isolated():
    assert list(layer_heatmap(words("کراچی:", "x"), weights_of(2)).layout.xaxis.ticktext) == [
        "\u2068کراچی:\u2069",
        "x",
    ]


def test_a_piece_that_begins_with_a_vowel_sign_gets_a_dotted_circle():
    (label,) = layer_heatmap([Token("ුව", 0)], weights_of(1)).layout.xaxis.ticktext
    assert label == "◌ුව"


def test_words_of_several_pieces_are_set_apart():
    tokens = [START, Token("ලං", 0), Token("කා", 0), Token("ජය", 1), END]
    (line,) = layer_heatmap(tokens, weights_of(5)).layout.shapes
    assert re.findall(r"M([\d.]+),", line.path) == ["0.5", "2.5", "3.5"]


def test_whole_words_need_no_lines():
    assert not layer_heatmap(words("good", "days"), weights_of(2)).layout.shapes


def test_the_worked_example_of_words():
    tokens = [Token("good", 0), Token("day", 1), Token("s", 1)]
    joined, weights = group_words(tokens, np.array([[1, 0], [1, 0], [0, 1]], np.float32))
    assert [token.text for token in joined] == ["good", "days"]
    assert weights.tolist() == [[1, 0], [0.5, 0.5]]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_words_are_the_means_of_their_pieces(sizes):
    tokens = [START, *(Token(f"p{i}", word) for word, size in enumerate(sizes) for i in range(size)), END]
    weights = weights_of(len(tokens))
    joined, means = group_words(tokens, weights)
    assert [token.word for token in joined] == list(range(len(sizes)))
    for token, mean in zip(joined, means, strict=True):
        own = [row for row, piece in enumerate(tokens) if piece.word == token.word]
        assert token.text == "".join(tokens[row].text for row in own)
        assert np.allclose(mean, sum(weights[row] for row in own) / len(own))
    assert means.dtype == weights.dtype
    assert np.allclose(means.sum(axis=1), 1.0)


def test_words_of_one_piece_keep_their_weights_bit_for_bit():
    weights = weights_of(5)
    _, means = group_words(words(*"abcde"), weights)
    assert means.tobytes() == weights.tobytes()


def test_a_word_is_unknown_if_a_piece_of_it_is():
    joined, _ = group_words([Token("a", 0), Token("?", 0, unknown=True), Token("b", 1)], weights_of(3))
    assert [token.unknown for token in joined] == [True, False]


def test_the_mark_of_a_space_is_no_part_of_a_word():
    joined, _ = group_words([Token("▁", 0), Token("චල", 0), Token("▁", 1)], weights_of(3))
    assert [token.text for token in joined] == ["චල", "▁"]


def test_special_tokens_alone_leave_no_words():
    joined, means = group_words([START, END], weights_of(2))
    assert (joined, means.shape) == ([], (0, 3))


def test_pieces_that_cut_a_sign_are_joined_within_a_word_only():
    tokens = [START, Token("ක්", 0), Token("\u200dරි", 0), Token("කට්", 0), Token("ුව", 1)]
    joined, means = group_graphemes(tokens, weights_of(5))
    assert [token.text for token in joined] == ["ක්\u200dරි", "කට්", "ුව"]
    assert np.allclose(means[0], weights_of(5)[1:3].mean(axis=0))
    assert [token.word for token in joined] == [0, 0, 1]


def test_the_mark_of_a_space_joins_what_follows_it():
    tokens = [Token("▁", 0), Token("චල", 0), Token("න", 0)]
    assert [token.text for token in group_graphemes(tokens, weights_of(3))[0]] == ["චල", "න"]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("ක්\u200d", "රීඩා", True),  # after a joiner
        ("ක්", "\u200dරි", True),  # before a joiner
        ("क्", "षा", True),  # after a virama
        ("க", "ி", True),  # before a vowel sign
        ("👍", "🏽", True),  # skin tone
        ("🇱", "🇰", True),  # flag
        ("🇱🇰", "🇮", False),  # two flags
        ("🏴\U000e0067\U000e0062", "\U000e0065\U000e006e\U000e0067\U000e007f", True),  # England's
        ("\u1112", "\u1161\u11ab", True),  # Hangul, decomposed
        ("น", "\u0e33", True),  # Thai sara am
        ("தமிழ்", "நாடு", False),  # a pulli that is seen makes no conjunct
        ("\r", "\n", True),
        ("කඩු", "ලු", False),
        ("na", "tional", False),
        ("क्", ",", False),
        ("", "x", False),
    ],
)
def test_what_a_reader_sees_as_one_sign(before, after, same):
    assert same_grapheme(before, after) is same


@pytest.mark.parametrize(
    "signs",
    [
        ["🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🇱🇰", "🇮🇳", "!"],
        ["\u1112\u1161\u11ab", "\u1100\u116e\u11a8"],
        ["👩\u200d👩\u200d👧", "1\ufe0f\u20e3", "👍🏽"],
        ["e\u0323\u0302", "x"],
        ["ක්\u200dරී", "ඩා"],
        ["स्त्री", "க்", "ஷ"],
    ],
)
def test_a_text_is_cut_into_the_signs_that_a_reader_sees(signs):
    assert graphemes("".join(signs)) == signs
    assert visible_length("".join(signs)) == len(signs)
    assert shortened("".join(signs), len(signs)) == "".join(signs)
    assert shortened("".join(signs), len(signs) - 1) == "".join(signs[:-2]) + "…"


def test_pieces_of_two_flags_are_two_columns():
    tokens = [Token(half, 0) for half in "🇱🇰🇮🇳"]
    assert [token.text for token in group_graphemes(tokens, weights_of(4))[0]] == ["🇱🇰", "🇮🇳"]


def test_the_most_used_layer_counts_from_one_and_leaves_special_tokens_out():
    weights = np.array([[1.0, 0.0], [0.2, 0.8], [0.6, 0.4]])
    assert most_used_layer([START, *words("a", "b")], weights) == 2
    assert most_used_layer([START, START, START], weights) == 1
    assert most_used_layer([START, START, START], weights, first_layer=0) == 0


@pytest.mark.parametrize("step", range(101))
def test_text_on_every_colour_has_enough_contrast(step):
    background, text = cell_colours(step / 100, 1.0)
    channels = [int(part) / 255 for part in re.findall(r"\d+", background)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = np.dot(linear, [0.2126, 0.7152, 0.0722])
    contrast = 1.05 / (luminance + 0.05) if text == "#ffffff" else (luminance + 0.05) / 0.05
    assert contrast >= 4.5  # WCAG 2, level AA


def test_colours_run_from_nothing_to_the_highest_weight():
    assert cell_colours(0.0, 0.5)[0] == "rgb(68, 1, 84)"
    assert cell_colours(0.5, 0.5)[0] == "rgb(253, 231, 37)"
    assert cell_colours(0.0, 0.0) == cell_colours(0.0, 1.0)


@pytest.mark.parametrize("draw", [layer_heatmap, group_words, group_graphemes, most_used_layer])
@pytest.mark.parametrize("shape", [(2, 3), (4, 3), (3,)])
def test_weights_of_another_shape_are_refused(draw, shape):
    with pytest.raises(ShapeError, match=r"one row of layer weights per token.* 3 tokens"):
        draw(words("a", "b", "c"), np.zeros(shape))


def test_no_tokens_are_refused():
    with pytest.raises(ShapeError, match="0 tokens"):
        layer_heatmap([], np.zeros((0, 3)))


def test_an_unknown_column_is_marked_and_the_hover_says_so():
    figure = layer_heatmap([Token("good", 0), Token("𓀀", 1, unknown=True)], weights_of(2))
    assert list(figure.layout.xaxis.ticktext) == ["good", f"𓀀 {html.escape(UNKNOWN_MARK)}"]
    assert list(figure.data[0].text[0]) == ["good", "𓀀<br>unknown to the encoder"]


def test_as_many_tokens_as_an_encoder_reads_are_drawn_whole():
    texts = [f"w{place}" for place in range(512)]
    figure = layer_heatmap(words(*texts), weights_of(512, 12))
    assert figure.data[0].z.tobytes() == weights_of(512, 12).T.tobytes()
    assert list(figure.data[0].text[0]) == texts


@pytest.mark.parametrize("count", [MAX_LABELS, MAX_LABELS + 1, 512])
def test_a_browser_gets_no_more_labels_than_it_can_measure_and_each_stands_at_its_column(count):
    axis = layer_heatmap(words(*map(str, range(count))), weights_of(count)).layout.xaxis
    assert MAX_LABELS / 3 < len(axis.ticktext) <= MAX_LABELS
    assert list(axis.ticktext) == [str(column) for column in axis.tickvals]
    assert (len(axis.ticktext) == count) == (count <= MAX_LABELS)
