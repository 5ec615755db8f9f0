"""What a reader does with a heatmap in a real browser: scales, parts, full screen, table, files."""

import csv
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

COLUMNS = "#heatmap .xtick text"
URDU = "یہ خبر اچھی ہے"
FORMULA = "=1+1 ships +2 home"


def classify(page, text: str, columns: int) -> None:
    """Type a text, press the button, wait for the heatmap."""
    page.locator("#text textarea").fill(text)
    page.locator("#classify").click()
    page.wait_for_function(f"document.querySelectorAll('{COLUMNS}').length === {columns}")


def profile_of(page) -> str:
    """Return what the profile says it is of, without the isolates around the part."""
    return page.locator("#profile caption").inner_text()


def wait_for_profile(page, part: str) -> None:
    page.locator("#profile caption").get_by_text(part, exact=True).wait_for()


def save(page, button: str, tmp_path: Path) -> Path:
    """Press a button that saves a file, and return where it lies."""
    with page.expect_download() as download:
        page.locator(f"#{button}").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def drawn(page) -> list[list[float]]:
    """Return the numbers that plotly draws, layer by layer."""
    return page.evaluate(
        "[...document.querySelector('#heatmap .js-plotly-plot')._fullData[0].z].map(row => [...row])"
    )


def test_a_click_on_a_part_shows_its_own_layers(quiet_page):
    classify(quiet_page, "good old ships", 3)
    assert "whole text" in profile_of(quiet_page)
    quiet_page.locator(".shade").nth(1).click()
    wait_for_profile(quiet_page, "old")
    assert quiet_page.locator(".shade[aria-pressed=true]").all_inner_texts() == ["old"]
    bars = quiet_page.locator("#profile tbody tr")
    numbers = [float(bars.nth(row).locator("td").last.inner_text()) for row in range(bars.count())]
    assert numbers == pytest.approx([row[1] for row in drawn(quiet_page)], abs=1e-6)


def test_the_arrow_keys_go_from_part_to_part_in_reading_direction(quiet_page):
    classify(quiet_page, "good old ships", 3)
    quiet_page.locator(".shade").first.focus()
    quiet_page.keyboard.press("ArrowRight")
    wait_for_profile(quiet_page, "old")
    quiet_page.keyboard.press("End")
    wait_for_profile(quiet_page, "ships")
    classify(quiet_page, URDU, 4)
    quiet_page.locator(".shade").first.focus()
    quiet_page.keyboard.press("ArrowLeft")
    wait_for_profile(quiet_page, quiet_page.locator(".shade").nth(1).inner_text())
    assert quiet_page.locator(".shade[tabindex='0']").count() == 1


def test_the_difference_from_uniform_is_drawn_in_figure_text_and_table(quiet_page):
    classify(quiet_page, "good old ships", 3)
    weights = drawn(quiet_page)
    quiet_page.locator("#scale").get_by_label("Difference from uniform").check()
    quiet_page.locator("#heatmap").get_by_text("α − 1/L").wait_for()
    for row, before in zip(drawn(quiet_page), weights, strict=True):
        assert row == pytest.approx([weight - 1 / len(weights) for weight in before], abs=1e-6)
    quiet_page.locator("#table summary").click()
    cells = quiet_page.locator("#table tbody tr").first.locator("td").all_inner_texts()
    assert [float(cell) for cell in cells] == pytest.approx([row[0] for row in drawn(quiet_page)], abs=1e-6)
    assert quiet_page.locator(".shade").first.get_attribute("title").split(": ")[1][0] in "+-"


def test_the_files_are_saved_and_hold_the_drawn_numbers(quiet_page, tmp_path):
    classify(quiet_page, FORMULA, 4)
    z = drawn(quiet_page)
    with save(quiet_page, "csv", tmp_path).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["part"] for row in rows] == ["'=1+1", "ships", "'+2", "home"]
    assert [float(row["layer 1"]) for row in rows] == pytest.approx(z[0])
    found = json.loads(save(quiet_page, "json", tmp_path).read_text("utf-8"))
    assert [column["part"] for column in found["texts"][0]["columns"]] == FORMULA.split()
    assert [column["layer_weights"][0] for column in found["texts"][0]["columns"]] == pytest.approx(z[0])
    again = save(quiet_page, "json", tmp_path)
    assert json.loads(again.read_text("utf-8")) == found
    picture = save(quiet_page, "png", tmp_path).read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) > 5_000


def test_the_saved_page_draws_without_a_network(quiet_page, context, tmp_path):
    classify(quiet_page, URDU, 4)
    kept, asked = context.new_page(), []
    path = save(quiet_page, "html", tmp_path)
    kept.on("request", lambda request: asked.append(request.url))
    kept.goto(path.as_uri())
    kept.locator(".hm image").wait_for()
    assert kept.locator("tbody tr").count() == 4
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    kept.close()


def test_full_screen_fills_the_window_and_escape_gives_it_back(quiet_page):
    classify(quiet_page, "good old ships", 3)
    before = quiet_page.locator("#heatmap .main-svg").first.bounding_box()
    quiet_page.locator("#full-screen").click()
    quiet_page.locator("#figure.full-screen").wait_for()
    quiet_page.wait_for_function(
        "document.querySelector('#heatmap .main-svg').getBoundingClientRect().width > innerWidth * 0.9"
    )
    assert quiet_page.locator("#full-screen").inner_text() == "Leave full screen"
    quiet_page.keyboard.press("Escape")
    assert quiet_page.locator("#figure.full-screen").count() == 0
    quiet_page.wait_for_function(
        f"Math.abs(document.querySelector('#heatmap .main-svg').clientWidth - {before['width']}) < 2"
    )
    assert quiet_page.locator("#full-screen").inner_text() == "Full screen"


def test_html_in_a_part_is_shown_and_not_run_in_profile_and_table(quiet_page):
    text = "<img/src=x/onerror=alert(1)> ${1+1} {{7*7}}"
    classify(quiet_page, text, 3)
    for place, part in enumerate(text.split()):
        quiet_page.locator(".shade").nth(place).click()
        wait_for_profile(quiet_page, part)
    quiet_page.locator("#table summary").click()
    assert quiet_page.locator("#table tbody th").all_inner_texts() == text.split()
    assert quiet_page.locator("#table img, #profile img").count() == 0
