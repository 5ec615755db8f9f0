"""Links that restore the tab Classify."""

from urllib.parse import quote

import pytest

pytestmark = pytest.mark.browser

URDU = "کراچی میں بارش"
PREMISE, HYPOTHESIS = "වැස්ස වහිනවා", "อากาศแห้ง"


def test_a_link_restores_the_tab_and_asks_for_the_answer(open_address, page_address):
    query = f"?tab=classify&task=sib200&checkpoint=topics&text={quote(URDU)}"
    page = open_address(page_address + query)
    page.locator("#heatmap .xtick").nth(2).wait_for()
    assert page.locator("#text textarea").input_value() == URDU
    assert page.locator("#checkpoint input").input_value() == "topics"
    assert "geography" in page.locator("#answer").inner_text()
    assert not page.locator("#link-notice").is_visible()


def test_a_copied_link_brings_back_a_pair(open_address, page_address):
    address = f"{page_address}?task=xnli&text={quote(PREMISE)}&second={quote(HYPOTHESIS)}"
    page = open_address(address)
    page.locator("#answer").get_by_text("contradiction").first.wait_for()
    page.locator("#copy-link").click()
    page.get_by_role("button", name="in the address bar").or_(
        page.get_by_role("button", name="Link copied")
    ).wait_for()
    copied = page.url
    assert "checkpoint=pairs" in copied
    again = open_address(copied)
    again.locator("#second textarea").wait_for()
    again.locator("#answer").get_by_text("contradiction").first.wait_for()
    assert again.locator("#text textarea").input_value() == PREMISE
    assert again.locator("#second textarea").input_value() == HYPOTHESIS
    again.locator("#copy-link", has_text="Copy link").wait_for()


def test_what_a_link_asks_for_in_vain_is_said_and_not_run(open_address, page_address):
    query = "?tab=clasify&task=news&checkpoint=" + quote("<img src=x onerror=alert(1)>")
    page = open_address(page_address + query)
    page.locator("#link-notice", has_text="the checkpoint '<img src=x onerror=alert(1)>'").wait_for()
    assert "the tab 'clasify'" in page.locator("#link-notice").inner_text()
    assert page.locator("#link-notice img").count() == 0
    assert page.locator("#checkpoint input").input_value() == "news-second"
