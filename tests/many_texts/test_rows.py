"""Rows that are typed or pasted, one a line."""

import pytest

from fusion_demo.errors import InputError
from fusion_demo.many_texts import MAX_ROWS, InputRow, read_lines

PAIR = ("premise", "hypothesis")


def test_every_line_that_is_not_blank_is_a_row():
    rows = read_lines("ලංකා\r\n\n  \npakistan | x\rпривет\u2028here", ("text",))
    assert rows == [InputRow(("ලංකා",)), InputRow(("pakistan | x",)), InputRow(("привет\u2028here",))]


def test_a_tab_or_else_a_bar_stands_between_the_texts_of_a_pair():
    rows = read_lines("It rains. | It is dry.\na|b\tc\n", PAIR)
    assert rows == [InputRow(("It rains.", "It is dry.")), InputRow(("a|b", "c"))]


@pytest.mark.parametrize(
    ("line", "message"), [("alone", "there is neither on this one"), ("a | b | c", "this one has 3 parts")]
)
def test_a_line_that_is_no_pair_has_a_problem_and_the_others_none(line, message):
    first, second = read_lines(f"{line}\na | b", PAIR)
    assert message in first.problem
    assert 'needs the premise, a tab or "|", and the hypothesis' in first.problem
    assert second == InputRow(("a", "b"))


@pytest.mark.parametrize("text", ["", "\n \r\n\t"])
def test_no_lines_are_refused(text):
    with pytest.raises(InputError, match="There are no texts yet"):
        read_lines(text, ("text",))


def test_so_many_lines_and_no_more():
    assert len(read_lines("a\n" * MAX_ROWS, ("text",))) == MAX_ROWS
    with pytest.raises(InputError, match=f"more than {MAX_ROWS} texts"):
        read_lines("a\n" * (MAX_ROWS + 1), ("text",))
