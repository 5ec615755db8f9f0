"""The page in the language of the browser: texts, direction, and what stays as it is."""

import time
from collections.abc import Iterator

import pytest

from fusion_demo.ui.translations import TEXTS, TRANSLATED

pytestmark = pytest.mark.browser

TABS = ["classify", "one_text", "many_texts", "compare", "layers", "results", "training"]


@pytest.fixture
def open_in(context, page_address) -> Iterator:
    """Opens the page in a browser of a language and a width; its console must stay without errors."""
    contexts, complaints = [], []

    def opening(locale: str, width: int = 1280, before=lambda page: None):
        contexts.append(context.browser.new_context(locale=locale, viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        before(page)
        page.goto(page_address)
        page.locator(f"html[lang={locale[:2] if locale[:2] in TRANSLATED else 'en'}]").wait_for()
        return page

    yield opening
    for one in contexts:
        one.close()
    assert complaints == []


@pytest.mark.sweep(keep=2)
@pytest.mark.parametrize("locale", ["en-GB", "si-LK", "ta", "hi-IN", "ar-EG", "de"])
def test_the_page_speaks_the_language_of_the_browser_or_english(open_in, locale):
    texts = TEXTS.get(locale[:2], TEXTS["en"])
    page = open_in(locale)
    for name in TABS:
        page.get_by_role("tab", name=texts[f"tab_{name}"], exact=True).wait_for()
    page.get_by_label(texts["box_text"], exact=True).first.wait_for()
    page.get_by_role("button", name=texts["classify"], exact=True).wait_for()
    assert page.locator("#text textarea").get_attribute("placeholder") == texts["type_headline"]
    assert page.locator("#hint").inner_text().split("\n")[0] == texts["classify_hint"].split("<br>")[0]
    assert page.locator("html").get_attribute("dir") == ("rtl" if locale == "ar-EG" else "ltr")
    assert "__i18n__" not in page.locator("body").inner_text()


@pytest.mark.sweep
def test_tabs_that_come_late_over_a_slow_network_are_named_in_sinhala(open_in):
    def slowly(route):
        time.sleep(0.1)
        route.continue_()

    page = open_in("si-LK", before=lambda page: page.route("**/assets/*.js", slowly))
    for name in TABS:
        page.get_by_role("tab", name=TEXTS["si"][f"tab_{name}"], exact=True).wait_for()


def test_what_an_event_brings_is_translated_too(open_in):
    page, texts = open_in("si-LK"), TEXTS["si"]
    page.locator("#text textarea").fill("good old ships")
    page.locator("#classify").click()
    page.locator("#heatmap .xtick").nth(2).wait_for()
    page.locator("#profile caption", has_text=texts["layers_of_whole"]).wait_for()
    page.locator("#layer input").click()
    page.get_by_role("option", name=texts["most_used"]).wait_for()
    page.keyboard.press("Escape")
    page.locator("#full-screen").click()
    page.locator("#full-screen", has_text=texts["leave_full_screen"]).wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=texts["full_screen"], exact=True).wait_for()
    page.locator("#copy-link").click()
    page.locator("#copy-link", has_text=texts["link_copied"]).or_(
        page.locator("#copy-link", has_text=texts["link_in_bar"])
    ).wait_for()
    assert page.locator("#answer").get_by_text("world").count() >= 1
    assert "__i18n__" not in page.locator("body").inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_an_arabic_page_reads_from_right_to_left_and_keeps_english_texts_readable(open_in, width):
    page = open_in("ar", width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#text textarea").evaluate("box => getComputedStyle(box).direction") == "rtl"
    first, second = (page.get_by_role("tab").nth(place).bounding_box()["x"] for place in (0, 1))
    assert first > second
    page.locator("#text textarea").fill("good old ships")
    page.locator("#classify").click()
    page.locator("#heatmap .xtick").nth(2).wait_for()
    assert page.locator("#shaded .shaded-text").evaluate("text => getComputedStyle(text).direction") == "ltr"
    places = [page.locator("#shaded .shade").nth(part).bounding_box()["x"] for part in (0, 1, 2)]
    assert places == sorted(places)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
