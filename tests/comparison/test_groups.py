import pytest

from fusion_demo.comparison.groups import groups_of
from fusion_demo.languages import LANGUAGES, languages_in

XNLI = [language.code for language in languages_in("xnli")]
INDIC = [language.code for language in languages_in("indic")]
LOW = [language.code for language in languages_in("low-resource")]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (XNLI, {"all": 15, "all but English": 14}),
        (INDIC, {"all": 11}),
        (["en", *INDIC, "si"], {"all": 13, "all but English": 12, "indic": 11}),
        (["en", *LOW[:6]], {"all": 7, "all but English": 6}),
        (["en", "hi", "si"], {"all": 3, "all but English": 2}),
        (["si"], {}),
        (["en", "si"], {"all": 2}),
    ],
)
def test_groups_repeat_no_set_and_speak_for_half_of_their_languages(codes, expected):
    assert {name: len(members) for name, members in groups_of(codes).items()} == expected


def test_all_supported_languages_have_all_groups():
    found = groups_of(list(LANGUAGES))
    assert list(found) == ["all", "all but English", "xnli", "indic", "low-resource"]
    assert found["xnli"] == XNLI
    assert set(found["low-resource"]) == {*INDIC, "si"}
