"""What a reader sees of the tab Compare, in a real browser."""

import time

import pytest

from fusion_demo.session import Session
from fusion_demo.tasks import TASKS

pytestmark = pytest.mark.browser

SINHALA = "කොළඹ වරාය තුළින් අපනයන වැඩි වෙයි"
URDU = "پارلیمنٹ نے بجٹ کی منظوری دے دی"


def compare(page, text: str) -> None:
    """Open the tab, type a text and press the button."""
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-text textarea").fill(text)
    page.locator("#compare-go").click()


def columns(page, lane: int) -> int:
    return page.locator(f"#lane-{lane} .lane-heatmap .xtick").count()


def wait_for_lanes(page, words: int, *lanes: int) -> None:
    for lane in lanes:
        page.locator(f"#lane-{lane} .answered").wait_for(state="attached")
        page.wait_for_function(
            f"document.querySelectorAll('#lane-{lane} .lane-heatmap .xtick text').length === {words}"
        )


def answer(page, lane: int) -> str:
    return page.locator(f"#lane-{lane} .lane-answer").first.inner_text()


def highest(page, lane: int) -> set[int]:
    """Return the layers that have the weight 1 in every column of a lane's heatmap."""
    layers = page.locator(f"#lane-{lane} .js-plotly-plot").evaluate(
        "plot => plot.calcdata[0][0].z.map(row => Array.from(row))"
    )
    return {number for number, row in enumerate(layers, start=1) if min(row) > 0.999}


def test_three_lanes_answer_side_by_side(page):
    compare(page, SINHALA)
    wait_for_lanes(page, len(SINHALA.split()), 1, 2)
    page.locator("#lane-3 .answered").wait_for(state="attached")
    for lane in (1, 2, 3):
        shown = answer(page, lane)
        assert all(label in shown for label in TASKS["news"].labels)
        details = page.locator(f"#lane-{lane} .lane-details").first.inner_text()
        assert " ms" in details
        assert "Peak memory" in details
    assert "Sinhala · සිංහල" in page.locator("#lane-1 .lane-details").first.inner_text()
    assert "LLM tokens" in page.locator("#lane-3 .lane-details").first.inner_text()
    assert not page.locator("#lane-3 .lane-heatmap").first.is_visible()
    assert not page.locator("#lane-4").is_visible()
    boxes = [page.locator(f"#lane-{lane}").bounding_box() for lane in (1, 2, 3)]
    assert len({box["y"] for box in boxes}) == 1
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    assert (highest(page, 1), highest(page, 2)) == (set(), {3})


def test_a_lane_that_is_added_says_how_it_is_filled(page):
    compare(page, SINHALA)
    wait_for_lanes(page, len(SINHALA.split()), 1, 2)
    page.locator("#compare-count").get_by_text("4", exact=True).click()
    hint = page.locator("#lane-4").get_by_text("Press Compare to fill this lane.")
    hint.wait_for()
    assert page.locator(".lanes").get_by_text("Press Compare").count() == 1
    page.locator("#compare-go").click()
    page.locator("#lane-4 .problem").wait_for()  # there is no translator here
    assert not hint.is_visible()


def test_last_layer_only_changes_the_answer_live(page):
    compare(page, SINHALA)
    wait_for_lanes(page, len(SINHALA.split()), 1, 2)
    before, last = answer(page, 1), answer(page, 2)
    assert before != last
    page.locator("#lane-last-1 input").check()
    page.wait_for_function(
        "last => document.querySelector('#lane-1 .lane-answer').innerText === last", arg=last
    )
    page.wait_for_function(
        "document.querySelector('#lane-1 .js-plotly-plot').calcdata[0][0].z[2].every(v => v > 0.999)"
    )
    page.locator("#lane-last-1 input").uncheck()
    page.wait_for_function(
        "before => document.querySelector('#lane-1 .lane-answer').innerText === before", arg=before
    )


def test_another_system_in_a_lane_answers_at_once(page):
    compare(page, SINHALA)
    wait_for_lanes(page, len(SINHALA.split()), 1, 2)
    page.locator("#lane-system-1 input").click()
    page.get_by_role("option", name="Translation pipeline").click()
    page.locator("#lane-1").get_by_text("There is no translator here").wait_for()
    assert not page.locator("#lane-1 .lane-answer").first.is_visible()
    assert not page.locator("#lane-1 .lane-heatmap").first.is_visible()
    assert page.locator("#lane-last-1 input").is_disabled()
    assert columns(page, 2) == len(SINHALA.split())


def test_urdu_runs_from_right_to_left_and_html_is_text(page):
    compare(page, URDU)
    wait_for_lanes(page, len(URDU.split()), 1)
    places = page.locator("#lane-1 .lane-heatmap .xtick text").evaluate_all(
        "ticks => ticks.map(tick => [tick.textContent.replace(/[\u2068\u2069]/g, ''), "
        "tick.getBoundingClientRect().right])"
    )
    words = [word for word, _ in sorted(places, key=lambda place: -place[1])]
    # The tiny encoder cuts Urdu into bytes, which stand behind the letters.
    assert [word[0] for word in words] == [word[0] for word in URDU.split()]
    compare(page, "<img/src=x/onerror=alert(1)> <b>x</b>")
    wait_for_lanes(page, 2, 1)
    assert page.locator(".lanes img, .lane-details b b").count() == 0


def test_nothing_shown_is_lost_when_all_updates_arrive_at_once(page):
    """A busy page takes many updates before it draws one; here they come as one block."""
    compare(page, URDU)
    wait_for_lanes(page, len(URDU.split()), 1, 2)
    page.locator("#lane-3 .answered").wait_for(state="attached")
    page.route("**/queue/data*", lambda route: route.fulfill(response=route.fetch()))
    compare(page, SINHALA)
    wait_for_lanes(page, len(SINHALA.split()), 1, 2)
    for lane in (1, 2, 3):
        assert all(label in answer(page, lane) for label in TASKS["news"].labels)


def test_a_press_while_the_lanes_still_answer_is_not_lost(page, monkeypatch):
    compare_with = Session.compare

    def slow(*arguments, **options):
        for lane_answer in compare_with(*arguments, **options):
            time.sleep(1)
            yield lane_answer

    monkeypatch.setattr(Session, "compare", slow)
    compare(page, "one two three")
    wait_for_lanes(page, 3, 1)
    compare(page, "one two")
    wait_for_lanes(page, 2, 1, 2)


def test_a_pair_has_two_boxes_and_its_own_checkpoints(page):
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-task input").click()
    page.get_by_role("option", name=TASKS["xnli"].title).click()
    page.locator("#compare-second textarea").fill("It is dry.")
    page.locator("#compare-text textarea").fill("It rains.")
    page.locator("#compare-go").click()
    page.locator("#lane-3 .answered").wait_for(state="attached")
    assert page.locator("#lane-system-1 input").input_value() == "pairs"
    assert "contradiction" in answer(page, 1)
    assert "contradiction" in answer(page, 3)


def test_an_empty_text_gets_a_message(page):
    compare(page, "")
    page.locator("#compare-problem").get_by_text("There is no text to read").wait_for()


def test_on_a_phone_the_lanes_stand_below_each_other(page):
    page.set_viewport_size({"width": 390, "height": 844})
    compare(page, " ".join(["ab"] * 40))
    wait_for_lanes(page, 40, 1, 2)
    boxes = [page.locator(f"#lane-{lane}").bounding_box() for lane in (1, 2, 3)]
    assert len({box["x"] for box in boxes}) == 1
    assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    heatmap = page.locator("#lane-1 .lane-heatmap").first
    assert heatmap.evaluate("box => box.scrollWidth > 2 * box.clientWidth")


@pytest.mark.embedded
@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize(
    "text", [SINHALA, URDU, "ราคาน้ำมันเพิ่มขึ้น", "চলচ্চিত্ৰ মহোৎসৱ আজি আৰম্ভ হ'ল"], ids=["si", "ur", "th", "as"]
)
def test_the_shipped_checkpoints_are_compared(shipped_page, text):
    compare(shipped_page, text)
    for lane in (1, 2, 3):
        shipped_page.locator(f"#lane-{lane} .answered").wait_for(state="attached")
    shipped_page.locator("#lane-2 .lane-heatmap .xtick").first.wait_for()
    assert highest(shipped_page, 2) == {12}
    assert all("sports" in answer(shipped_page, lane) for lane in (1, 2, 3))
