"""What axe-core finds wrong with the page by WCAG 2, levels A and AA: nothing, on every tab."""

from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa"]
EXCLUDED: list[list[str]] = []
"""Selectors of what is Gradio's own and cannot be mended by a style sheet or an attribute, each with why."""

FOCUS_MARK = """() => {
    const focused = document.activeElement, style = getComputedStyle(focused);
    const marked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    return [marked, focused.outerHTML.slice(0, 120)];
}"""


@pytest.fixture
def page_in(context, chat_page_address) -> Iterator:
    """Opens the page with every tab, in a theme and a width."""
    contexts = []

    def opening(theme: str, width: int):
        contexts.append(context.browser.new_context(viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{chat_page_address}?__theme={theme}")
        page.locator("#message textarea").wait_for()
        return page

    yield opening
    for one in contexts:
        one.close()


def open_tab(page, name: str, width: int) -> None:
    """Open a tab while all of them are in sight, then give the page its width."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("tab", name=name, exact=True).click()
    page.set_viewport_size({"width": width, "height": 900})


def violations(page, tab: str) -> list[str]:
    """Return what axe-core finds, one line an element: tab, rule, where, and why."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-core is not installed"
    ).Axe()
    found = axe.run(page, {"exclude": EXCLUDED} if EXCLUDED else None, {"runOnly": RULES})
    return [
        f"{tab}: {rule['id']}: {node['target']} {node['html'][:160]} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(
    ("theme", "width"),
    [
        ("light", 1280),
        ("dark", 390),
        pytest.param("light", 390, marks=pytest.mark.sweep),
        pytest.param("dark", 1280, marks=pytest.mark.sweep),
    ],
)
def test_axe_finds_nothing_on_any_tab(page_in, theme, width):
    page = page_in(theme, width)
    page.locator("#settings > button").click()
    found = violations(page, "Chat")
    open_tab(page, "Classify", width)
    page.locator("#text textarea").fill("good old ships")
    page.locator("#classify").click()
    page.locator("#heatmap .xtick").first.wait_for()
    page.locator("#table summary").click()
    found += violations(page, "Classify")
    open_tab(page, "Many texts", width)
    page.locator("#many-go").wait_for()
    found += violations(page, "Many texts")
    open_tab(page, "Compare", width)
    page.locator("#compare-go").wait_for()
    found += violations(page, "Compare")
    open_tab(page, "Layers", width)
    page.locator("#mask-layers").wait_for()
    found += violations(page, "Layers")
    open_tab(page, "Results", width)
    page.locator("#results-card .card").wait_for()
    found += violations(page, "Results")
    open_tab(page, "Training", width)
    page.locator("#training-form > button").click()
    page.locator("#train-task").wait_for()
    found += violations(page, "Training")
    assert found == [], "\n" + "\n".join(found)


def test_whatever_the_tab_key_reaches_is_marked(page):
    page.locator("#text textarea").focus()
    for _ in range(8):
        marked, element = page.evaluate(FOCUS_MARK)
        assert marked, element
        page.keyboard.press("Tab")
