"""What a reader sees of the tab Chat, in a real browser."""

import re
import time
from itertools import pairwise

import pytest

from fusion_demo.llm import FrozenLLM
from fusion_demo.ui.chat_examples import CHAT_EXAMPLES
from fusion_demo.ui.reading import language_name

pytestmark = pytest.mark.browser

QUESTIONS = {code: (question, meaning) for code, question, meaning in CHAT_EXAMPLES}
COLUMNS = "#chat-heatmap .xtick text"
WATCH_ANSWER_JS = """() => {
    window.answers = [];
    new MutationObserver(() => {
        const shown = [...document.querySelectorAll('#talk .message.bot')].at(-1)?.innerText.trim();
        if (shown && shown !== '…' && shown !== window.answers.at(-1)) window.answers.push(shown);
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
URDU = "بارش کب ہو گی؟"


def say(page, text: str) -> None:
    """Type a message and press Enter."""
    page.locator("#message textarea").fill(text)
    page.keyboard.press("Enter")


def wait_for_columns(page, count: int) -> None:
    """Wait until the heatmap has this many columns and the turn is over."""
    page.wait_for_function(f"document.querySelectorAll('{COLUMNS}').length === {count}")
    page.locator("#send").wait_for()


def messages(page, side: str) -> list[str]:
    """Return the messages of "user" or "bot" as they are shown."""
    return page.locator(f"#talk .message.{side}").all_inner_texts()


def wait_for_an_answer(page, count: int = 1) -> None:
    """Wait until so many messages have at least the beginning of an answer.

    A bubble that has just been made is empty for a moment, before its "…" is in it.
    """
    page.wait_for_function(
        """count => {
            const answers = [...document.querySelectorAll('#talk .message.bot')];
            return answers.length === count && !answers.some(box => ['', '…'].includes(box.innerText.trim()));
        }""",
        arg=count,
    )


def stop(page, count: int = 1) -> None:
    """Press Stop once the answer of the last of so many messages has begun, and wait until it has ended."""
    wait_for_an_answer(page, count)
    page.locator("#stop").click()
    page.locator("#send").wait_for()


@pytest.fixture
def slow_tokens(monkeypatch) -> None:
    """The LLM takes a tenth of a second more for each token: the tiny one would end before a press of Stop.

    The writing is slowed down, not the reading of what it writes, which runs behind it in another thread.
    """
    generate = FrozenLLM.generate

    def slow(*arguments, on_token=None, **options):
        def wait(written) -> None:
            time.sleep(0.1)
            on_token(written)

        return generate(*arguments, on_token=on_token and wait, **options)

    monkeypatch.setattr(FrozenLLM, "generate", slow)


def make_answers_long(page) -> None:
    """Set the greatest length, so that there is time to press Stop."""
    page.get_by_text("Settings", exact=True).locator("visible=true").first.click()
    page.get_by_label("number input for Longest answer, tokens").fill("512")
    page.keyboard.press("Tab")
    page.get_by_label("number input for No repeated n-gram (0: off)").fill("0")
    page.keyboard.press("Tab")


def test_a_sinhala_question_is_answered_and_shown(chat_page):
    question, meaning = QUESTIONS["si"]
    chat_page.get_by_text(meaning).click()
    wait_for_columns(chat_page, len(question.split()))
    assert messages(chat_page, "user") == [question]
    assert len(messages(chat_page, "bot")) == 1
    assert chat_page.locator("#message textarea").input_value() == ""
    assert "Sinhala · සිංහල" in chat_page.locator("#chat-facts").inner_text()
    assert "Understood as" in chat_page.locator("#echo").inner_text()
    assert chat_page.locator(".heard-name").all_inner_texts()[:3] == ["<s>", "▁", question[0]]
    chat_page.locator("#chat-view").get_by_label("Tokens").check()
    chat_page.locator(COLUMNS).nth(len(question.split())).wait_for()


@pytest.mark.embedded
@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("code", ["si", "ur", "th", "as"])
def test_the_shipped_checkpoint_answers_bit_by_bit(shipped_page, code):
    question, meaning = QUESTIONS[code]
    shipped_page.evaluate(WATCH_ANSWER_JS)
    shipped_page.get_by_text(meaning).click()
    shipped_page.locator(COLUMNS).first.wait_for()
    shipped_page.locator("#send").wait_for()
    (answer,) = messages(shipped_page, "bot")
    answers = shipped_page.evaluate("window.answers")
    assert len(answers) > 5
    assert answers[-1] == answer.strip()
    for shorter, longer in pairwise(" ".join(shown.split()) for shown in answers):
        assert longer.startswith(shorter)
    assert messages(shipped_page, "user") == [question]
    assert language_name(code) in shipped_page.locator("#chat-facts").inner_text()
    assert re.search("[A-Za-z]{3}", shipped_page.locator("#echo q").inner_text())


def test_an_urdu_message_is_shown_from_the_right_and_a_click_shows_an_earlier_one(chat_page):
    say(chat_page, "two words")
    wait_for_columns(chat_page, 2)
    say(chat_page, URDU)
    wait_for_columns(chat_page, 4)
    bubble = chat_page.locator("#talk .message.user .md").nth(1)
    style = bubble.evaluate("box => [getComputedStyle(box).unicodeBidi, getComputedStyle(box).textAlign]")
    assert style == ["plaintext", "start"]
    chat_page.locator(".heard[dir=rtl]").wait_for()
    boxes = chat_page.locator(".heard-word")
    first, second = (boxes.nth(index).bounding_box()["x"] for index in (0, 1))
    assert first > second
    chat_page.locator("#talk .message.user").nth(0).click()
    wait_for_columns(chat_page, 2)
    assert "two words" in chat_page.locator("#pick input").input_value()
    chat_page.locator("#pick input").click()
    chat_page.get_by_role("option", name="2 ·").click()
    wait_for_columns(chat_page, 4)


def test_stop_ends_the_answer_and_retry_asks_again(chat_page, slow_tokens):
    make_answers_long(chat_page)
    say(chat_page, "a long story")
    stop(chat_page)
    chat_page.get_by_text("It was stopped.").wait_for()
    say(chat_page, "short")
    stop(chat_page, 2)
    assert messages(chat_page, "user") == ["a long story", "short"]
    chat_page.locator("#retry").click()
    chat_page.locator("#stop").wait_for()
    stop(chat_page, 2)
    assert messages(chat_page, "user") == ["a long story", "short"]
    chat_page.locator("#clear").click()
    chat_page.locator("#chat-hint").wait_for()
    assert messages(chat_page, "user") == []
    assert not chat_page.locator("#chat-heatmap").is_visible()


def test_clear_ends_an_answer_that_is_being_written(chat_page, slow_tokens):
    make_answers_long(chat_page)
    say(chat_page, "a long story")
    wait_for_an_answer(chat_page)
    chat_page.locator("#clear").click()
    chat_page.locator("#chat-hint").wait_for()
    chat_page.locator("#send").wait_for()
    chat_page.wait_for_timeout(2_000)  # what was on its way has come by now
    assert messages(chat_page, "user") == []
    say(chat_page, "two words")
    stop(chat_page)
    wait_for_columns(chat_page, 2)


def test_html_in_a_message_is_shown_and_not_run(chat_page):
    text = "<b>bold</b> **x** <img/src=x/onerror=alert(1)> &lt; [a](javascript:alert(1))"
    say(chat_page, text)
    wait_for_columns(chat_page, len(text.split()))
    assert messages(chat_page, "user") == [text]
    assert chat_page.locator("#talk .md :is(img, b, strong, a)").count() == 0
    assert chat_page.locator("#hears :is(img, b), #echo :is(img, b)").count() == 0
    assert "<b>bold</b>" in chat_page.locator("#pick input").input_value()


def test_what_is_shown_beside_it_is_hidden_until_there_is_something(chat_page):
    assert not chat_page.locator("#pick").is_visible()
    chat_page.get_by_text("Settings", exact=True).locator("visible=true").first.click()
    chat_page.get_by_label("English goes straight in").check()
    say(chat_page, "What is the name of this river?")
    chat_page.get_by_text("It went straight in").wait_for()
    chat_page.locator("#send").wait_for()
    assert chat_page.locator("#pick").is_visible()
    assert not chat_page.locator("#chat-heatmap").is_visible()


def test_a_refused_message_stays_in_the_box(chat_page):
    say(chat_page, "two words")
    wait_for_columns(chat_page, 2)
    say(chat_page, "x" * 6_000)
    chat_page.get_by_text("The message has 6,000 characters").wait_for()
    assert chat_page.locator("#message textarea").input_value() == "x" * 6_000
    assert messages(chat_page, "user") == ["two words"]
    say(chat_page, "one more time")
    wait_for_columns(chat_page, 3)
    assert not chat_page.locator("#chat-problem").is_visible()


def test_a_phone_shows_all_without_scrolling_sideways(chat_page):
    chat_page.set_viewport_size({"width": 390, "height": 844})
    say(chat_page, " ".join(["ab"] * 40))
    wait_for_columns(chat_page, 40)
    assert chat_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert chat_page.locator("#chat-heatmap").evaluate("box => box.scrollWidth > 2 * box.clientWidth")


def test_the_other_tab_classifies_as_before(chat_page):
    chat_page.get_by_role("tab", name="Classify").click()
    chat_page.locator("#text textarea").fill("Port exports rise again")
    chat_page.locator("#classify").click()
    chat_page.wait_for_function("document.querySelectorAll('#heatmap .xtick text').length === 4")
