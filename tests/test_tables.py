"""Tables as their formats have them; tests/many_texts and tests/data read whole files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_demo.tables import read_table


def cells(text, *, tabs=False, wanted=("text",)):
    return [row.cells for row in read_table(text, wanted, tabs=tabs).rows]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("sign", "tabs"), [(",", False), (";", False), ("\t", False), ("\t", True)])
def test_the_ends_of_lines_are_those_of_any_system_and_blank_lines_no_rows(end, sign, tabs):
    text = end.join(["id,text", "1,a", "", "2,", "3,\u2028\x0b\x85c"]).replace(",", sign) + end
    assert cells(text, tabs=tabs) == [["1", "a"], ["2", ""], ["3", "\u2028\x0b\x85c"]]


def test_columns_are_found_by_their_names():
    table = read_table(" TEXT ,label,Text\na,b,c\n", ["text"], tabs=False)
    assert table.places(["text", "label", "x"]) == {"text": [0, 2], "label": [1], "x": []}
    assert read_table("", ["text"], tabs=True).places(["text"]) == {"text": []}


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\t\r\n")), min_size=2, max_size=2)))
def test_what_has_no_quotation_marks_is_split_at_tabs_alone(table):
    table = [[cell.replace('"', "'") for cell in row] for row in table]
    text = "".join("\t".join(row) + "\n" for row in [["id", "text"], *table])
    assert cells(text, tabs=True) == table
