"""What a reader sees of the tab Classify, in a real browser."""

import pytest

from fusion_demo.tasks import TASKS
from fusion_demo.ui.examples import EXAMPLES, PAIR_EXAMPLES

pytestmark = pytest.mark.browser

HEADLINES = dict(EXAMPLES)
COLUMNS = "#heatmap .xtick text"


def classify(page, text: str) -> None:
    """Type a text and press the button."""
    page.locator("#text textarea").fill(text)
    page.locator("#classify").click()


def column_labels(page) -> list[str]:
    """Return the labels under the heatmap's columns from left to right, as the browser shows them."""
    labels = page.locator(COLUMNS).evaluate_all(
        """ticks => ticks.map(tick => [tick.getBoundingClientRect().right, tick.textContent])
        .sort((one, other) => one[0] - other[0]).map(pair => pair[1])"""
    )
    return [plain(label) for label in labels]


def wait_for_columns(page, count: int) -> None:
    """Wait until the heatmap has this many columns."""
    page.wait_for_function(f"document.querySelectorAll('{COLUMNS}').length === {count}")


def shaded(page) -> list[str]:
    """Return the words or pieces of the shaded text in reading order."""
    return [plain(text) for text in page.locator(".shade").all_inner_texts()]


def plain(text: str) -> str:
    """Leave out the isolates that keep right-to-left labels from reordering what stands beside them."""
    return text.strip("\u2068\u2069")


def test_a_sinhala_headline_gets_its_answer_and_its_heatmap(page):
    page.get_by_text("Sinhala · සිංහල").click()
    words = HEADLINES["si"].split()
    wait_for_columns(page, len(words))
    assert page.locator("#text textarea").input_value() == HEADLINES["si"]
    answer = page.locator("#answer").inner_text()
    assert all(label in answer for label in TASKS["news"].label_words)
    assert "Sinhala · සිංහල" in page.locator("#facts").inner_text()
    assert page.locator("#heatmap .hm image").count() == 1
    assert len(shaded(page)) == len(words)


def test_latin_words_are_labelled_from_left_to_right_and_urdu_from_right_to_left(page):
    classify(page, "Port exports rise again")
    wait_for_columns(page, 4)
    assert column_labels(page) == ["Port", "exports", "rise", "again"]
    classify(page, "a ب ج د ہ")
    page.locator(".shaded-text[dir=rtl]").wait_for()
    wait_for_columns(page, 5)
    assert column_labels(page)[-1] == "a"
    first, last = (page.locator(".shade").nth(index).bounding_box()["x"] for index in (0, 4))
    assert first > last


def test_tokens_and_layers_can_be_chosen_without_asking_the_model_again(page):
    classify(page, "two words")
    wait_for_columns(page, 2)
    time_taken = page.locator("#facts").inner_text()
    assert column_labels(page) == ["two", "words"]
    page.get_by_label("Tokens").check()
    page.locator(COLUMNS).nth(2).wait_for()
    labels = column_labels(page)
    assert (labels[0], labels[-6:]) == ("<s>", [*"words", "</s>"])
    page.locator("#layer input").click()
    page.get_by_role("option", name="3", exact=True).click()
    page.locator(".shade[title^='layer 3: ']").first.wait_for()
    assert page.locator("#facts").inner_text() == time_taken


def test_html_in_a_text_is_shown_and_not_run(page):
    text = "<b>bold</b> <img/src=x/onerror=alert(1)> &lt; ${1+1} {{7*7}}"
    classify(page, text)
    wait_for_columns(page, len(text.split()))
    assert shaded(page) == text.split()
    assert [label for label in column_labels(page) if "…" not in label] == [
        word for word in text.split() if "img" not in word
    ]
    page.locator("#heatmap .nsewdrag").hover(position={"x": 10, "y": 10})
    page.locator("#heatmap .hovertext").get_by_text("<b>bold</b>").wait_for()
    assert page.locator("#shaded img, #shaded b, #heatmap img, #heatmap b").count() == 0


def test_an_empty_text_gets_a_message_and_a_long_one_is_not_lost(page):
    classify(page, "two words")
    wait_for_columns(page, 2)
    classify(page, "")
    page.get_by_text("There is no text to read").wait_for()
    assert not page.locator("#answer").is_visible()
    classify(page, "x" * 20_000)
    page.get_by_text("The text has 20,000 characters").wait_for()
    assert page.locator("#text textarea").input_value() == "x" * 20_000
    classify(page, "news")
    wait_for_columns(page, 1)
    assert not page.locator("#problem").is_visible()


def test_the_checkpoints_follow_the_task(page):
    assert page.locator("#checkpoint input").input_value() == "news-second"
    page.locator("#task input").click()
    page.get_by_role("option", name=TASKS["sib200"].title).click()
    page.wait_for_function("document.querySelector('#checkpoint input').value === 'topics'")
    classify(page, "A new museum opens")
    wait_for_columns(page, 4)
    assert "geography" in page.locator("#answer").inner_text()


def test_a_pair_has_two_boxes_and_both_its_texts_are_shown(page):
    assert not page.locator("#second").is_visible()
    page.locator("#task input").click()
    page.get_by_role("option", name=TASKS["xnli"].title).click()
    page.locator("#second textarea").wait_for()
    code, premise, hypothesis = PAIR_EXAMPLES[-1]
    page.get_by_text("English", exact=True).locator("visible=true").click()
    words = f"{premise} {hypothesis}".split()
    page.locator(COLUMNS).nth(len(words) - 1).wait_for()
    assert shaded(page) == words
    assert page.locator(".shaded-name").all_inner_texts() == ["Premise", "Hypothesis"]
    assert (code, page.locator("#text textarea").input_value()) == ("en", premise)
    assert page.locator("#second textarea").input_value() == hypothesis
    assert page.get_by_label("Premise in any language").is_visible()
    assert [label for label in column_labels(page) if label] == words
    assert "contradiction" in page.locator("#answer").inner_text()
    page.locator("#second textarea").fill("")
    page.locator("#classify").click()
    page.get_by_text("There is no hypothesis to read").wait_for()
    page.locator("#task input").click()
    page.get_by_role("option", name=TASKS["news"].title).click()
    page.locator("#second").wait_for(state="hidden")
    classify(page, "two words")
    wait_for_columns(page, 2)


def test_sixty_words_on_a_phone_scroll_within_the_page(page):
    page.set_viewport_size({"width": 390, "height": 844})
    classify(page, " ".join(["ab"] * 60))
    wait_for_columns(page, 60)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("#heatmap").evaluate("box => box.scrollWidth > 2 * box.clientWidth")
    page.locator("#heatmap").evaluate("box => box.scrollTo(10000, 0)")
    assert page.locator("#heatmap").evaluate("box => box.scrollLeft") > 300


def test_a_wide_urdu_heatmap_begins_at_its_right_end(page):
    page.set_viewport_size({"width": 390, "height": 844})
    classify(page, " ".join(["خبر"] * 30))
    wait_for_columns(page, 30)
    right = page.locator("#heatmap .main-svg").first.bounding_box()
    shown = page.locator("#heatmap").bounding_box()
    assert right["x"] + right["width"] == pytest.approx(shown["x"] + shown["width"], abs=2)
