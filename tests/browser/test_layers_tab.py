"""What a reader sees of the tab Layers, with the project's own checkpoints."""

import csv

import pytest

from fusion_demo.ui.layers_examples import SENTENCES

pytestmark = [pytest.mark.browser, pytest.mark.embedded]

HEADLINES = {
    "Sinhala": "නව රෝහල ලබන මාසයේ විවෘත වේ",
    "Urdu": "نیا ہسپتال اگلے مہینے کھلے گا",
    "Thai": "ทีมของเราชนะการแข่งขันนัดสุดท้าย",
    "Assamese": "আমাৰ দলটোৱে চূড়ান্ত খেলখন জিকিলে",
}


def open_layers(page) -> None:
    page.get_by_role("tab", name="Layers").click()
    page.locator("#language-profiles .scatterlayer .trace").first.wait_for()


def legend(page, figure: str) -> list[str]:
    """Return what a figure's legend names."""
    return page.locator(f"#{figure} .legendtext").all_inner_texts()


def test_the_languages_of_a_report_can_be_chosen(shipped_page):
    open_layers(shipped_page)
    names = shipped_page.locator("#language-profiles .legendtext")
    assert names.count() == 4
    assert shipped_page.locator("#language-distances tbody tr").count() == 4
    shipped_page.locator("#layers-languages input").click()
    shipped_page.get_by_role("option", name="Tamil").click()
    names.nth(4).wait_for()
    assert "Tamil" in [names.nth(place).text_content() for place in range(5)]
    shipped_page.locator("#language-numbers summary").click()
    assert shipped_page.locator("#language-numbers table").count() == 2


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("place", [0, 1])
def test_the_sentences_of_an_example_are_recognised_and_compared(shipped_page, place):
    meaning, sentences = SENTENCES[place]
    open_layers(shipped_page)
    shipped_page.locator("#sentence-examples").get_by_text(meaning).click()
    shipped_page.locator("#sentence-profiles .legendtext").nth(3).wait_for()
    assert shipped_page.locator("#sentences-read tbody tr").count() == len(sentences)
    read = shipped_page.locator("#sentences-read").inner_text()
    expected = ["Sinhala", "Hindi", "Swahili", "Urdu"] if place == 0 else ["Tamil", "Assamese", "Thai"]
    assert [name for name in expected if name not in read] == []
    assert shipped_page.locator("#sentence-4 textarea").input_value() == sentences[3][1]


def test_masking_shows_the_curves_and_their_numbers(shipped_page):
    open_layers(shipped_page)
    shipped_page.get_by_label("number input for Layers masked, at most").fill("2")
    shipped_page.get_by_label("number input for Random choices").fill("3")
    shipped_page.keyboard.press("Tab")
    shipped_page.locator("#mask-layers").click()
    shipped_page.locator("#masking .legendtext").nth(1).wait_for(timeout=180_000)
    rows = shipped_page.locator("#masking-numbers tbody tr")
    assert rows.count() == 2
    assert "of 3" in rows.first.inner_text()


def test_a_phone_shows_the_tab_without_scrolling_sideways(shipped_page):
    open_layers(shipped_page)  # while it is wide: on a phone the tab stands in a menu
    shipped_page.set_viewport_size({"width": 390, "height": 844})
    shipped_page.locator("#sentence-examples").get_by_text(SENTENCES[1][0]).click()
    shipped_page.locator("#sentence-profiles .legendtext").nth(3).wait_for()
    assert shipped_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("language", HEADLINES)
def test_a_headline_of_each_script_is_read_shaded_chosen_and_saved(shipped_page, tmp_path, language):
    shipped_page.get_by_role("tab", name="Classify").click()
    shipped_page.locator("#text textarea").fill(HEADLINES[language])
    shipped_page.locator("#classify").click()
    shipped_page.locator("#heatmap .hm image").wait_for(timeout=180_000)
    assert language in shipped_page.locator("#facts").inner_text()
    parts = shipped_page.locator("#shaded .shade")
    chosen = parts.nth(1).inner_text()
    parts.nth(1).click()
    shipped_page.locator("#profile caption q").get_by_text(chosen, exact=True).wait_for()
    with shipped_page.expect_download() as download:
        shipped_page.locator("#csv").click()
    download.value.save_as(tmp_path / "layers.csv")
    with (tmp_path / "layers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["part"] for row in rows] == parts.all_inner_texts()
    for row in rows:
        assert sum(float(row[f"layer {layer}"]) for layer in range(1, 13)) == pytest.approx(1.0, abs=1e-5)
