import pytest

from fusion_demo.evaluation.exact_match import exact_match, normalise


@pytest.mark.parametrize(
    ("answer", "matches"),
    [
        ("science and technology", True),
        ("Science and Technology", True),
        (" science and technology\n", True),
        ("science and technology.", True),
        ("science and technology .", True),
        ("Science and technology.\n", True),
        ("science and technology..", False),
        ("science and technology!", False),
        ('"science and technology"', False),
        ("science  and technology", False),
        ("science", False),
        ("science and technology news", False),
        ("The topic is science and technology.", False),
        ("", False),
        (".", False),
    ],
)
def test_an_answer_is_the_labels_words_or_it_is_wrong(answer, matches):
    assert exact_match(answer, "science and technology") == matches


def test_case_is_folded_beyond_ascii():
    assert exact_match("STRASSE", "straße")


def test_worked_example_of_the_docstring():
    assert normalise(" Sports.\n") == "sports"
