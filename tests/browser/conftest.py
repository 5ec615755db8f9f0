"""The page in headless Chromium. Without Chromium the tests are skipped, and say so."""

import shutil
from collections.abc import Iterator

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MILLISECONDS = 60_000


@pytest.fixture(scope="session")
def context() -> Iterator:
    """A running Chromium with an empty cache."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here; on Debian: apt install chromium fonts-noto-core")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser.new_context()
        browser.close()


@pytest.fixture
def page(context, page_address) -> Iterator:
    """The page, freshly opened; the test fails if it asked another host or ran into an error."""
    yield from _open(context, page_address, "#text textarea")


@pytest.fixture
def chat_page(context, chat_page_address) -> Iterator:
    """The same of the page that can chat, whose console must stay without errors, too."""
    yield from _open(context, chat_page_address, "#message textarea", console=True)


def _open(context, address: str, first: str, *, console: bool = False) -> Iterator:
    complaints: list[str] = []
    page = context.new_page()
    page.set_default_timeout(WAIT_MILLISECONDS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    own = (address, "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(own) else complaints.append(asked.url))
    if console:
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(address)
    page.locator(first).wait_for()
    yield page
    page.close()
    assert complaints == []
