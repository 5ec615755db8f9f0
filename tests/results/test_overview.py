import xml.etree.ElementTree as ET

import pytest

from fusion_demo.results import SystemResults
from fusion_demo.results.layer_picture import layer_picture
from fusion_demo.results.overview import overview_columns, overview_table


def system(name, languages, recipe=""):
    reports = {"test": {"languages": languages}}
    return SystemResults(recipe or name, "a.json", "news", reports, "by hand", "run", recipe, f"news-{name}")


def compared(a, b, difference, verdict, group="all but English"):
    mean = {"languages": ["si", "ta"], "difference": difference, "verdict": verdict}
    return {"pairs": [{"a": f"news-{a}", "b": f"news-{b}", "means": {group: mean} if group else {}}]}


@pytest.mark.parametrize(
    ("codes", "titles"),
    [
        (["en", "hi", "si"], ["English", "mean of the 2 others", "Sinhala"]),
        (["hi", "si"], ["mean of 2", "Sinhala"]),
        (["en", "de"], ["English", "German"]),
        (["en"], ["English"]),
        (["de"], ["German"]),
    ],
)
def test_a_set_of_languages_has_one_column(codes, titles):
    assert list(overview_columns(codes)) == titles


def test_a_group_that_says_something_new_has_a_column():
    codes = ["as", "bn", "en", "gu", "hi", "kn", "ml", "mr", "or", "pa", "si"]
    assert list(overview_columns(codes))[-1] == "mean of 9 Indic"
    assert list(overview_columns(codes[:-1])) == ["English", "mean of the 9 others"]


def test_a_row_is_the_mean_of_its_seeds_and_its_interval_holds_those_of_all(scored):
    seeds = [system("b", {"si": scored(60)}, "b"), system("b-seed1", {"si": scored(70)}, "b")]
    table = overview_table([*seeds, system("c", {"si": scored(50)})], "test", [])
    assert table.header == ["system", "Sinhala", "seeds"]
    low, high = scored(60)["interval"][0], scored(70)["interval"][1]
    assert table.body[0] == ["b", f"65.0 ({100 * low:.1f}–{100 * high:.1f})", "2"]
    assert table.body[0][1].value == pytest.approx(0.65)
    assert [row[0] for row in table.body] == ["b", "c"]


def test_a_language_that_a_seed_lacks_is_missing(scored):
    rows = [system("b", {"en": scored(60), "si": scored(9)}), system("c", {"si": scored(50)})]
    assert [row[1] for row in overview_table(rows, "test", []).body] == ["60.0 (50.2–69.1)", "–"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([compared("b", "last-layer", 0.05, "A better")], "better (+5.0)"),
        ([compared("last-layer", "b", -0.05, "B better")], "better (+5.0)"),
        ([compared("last-layer", "b", 0.05, "A better", "all")], "worse (−5.0)"),
        ([compared("b", "last-layer", 0.01, "not separable")], "not separable (+1.0)"),
        (
            [
                compared("last-layer", "b-seed1", 0.02, "A better"),
                compared("b", "last-layer", 0.01, "not separable"),
            ],
            "worse with 1 of 2 seeds (+1.0, −2.0)",
        ),
        ([compared("b", "last-layer", 0.05, "A better", "")], "not compared"),
        ([compared("b", "c", 0.05, "A better")], "not compared"),
    ],
)
def test_the_verdict_is_said_in_words_seed_by_seed(scored, found, words):
    rows = [system(name, {"si": scored(60)}, name.removesuffix("-seed1")) for name in ("b", "b-seed1")]
    table = overview_table([system("last-layer", {"si": scored(50)}), *rows], "test", found)
    assert table.header[-1] == "against last-layer"
    assert [row[-1] for row in table.body] == ["–", words]


def test_the_picture_has_a_cell_a_language_and_layer_and_its_text_is_escaped(layer_report):
    other = {**layer_report, "checkpoint": "<b>&"}
    root = ET.fromstring(layer_picture([layer_report, other]))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    cells = [element for element in root.iter("{http://www.w3.org/2000/svg}rect") if element.get("x")]
    assert len(cells) == 2 * 2 * 3
    assert texts[:9] == [
        "news-first, dev split: mean weight of each layer, %",
        *"012",
        "English",
        *("10.0", "20.0", "70.0"),
        "Sinhala",
    ]
    assert texts[12].startswith("<b>&, dev")
    assert cells[2].get("fill") == "#312e81"  # the largest weight
    assert float(cells[-1].get("y")) + float(cells[-1].get("height")) <= float(root.get("height"))
