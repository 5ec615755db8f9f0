"""The page in headless Chromium. Without Chromium the tests are skipped, and say so."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

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
WAIT_MILLISECONDS = 120_000

ARTEFACTS = Path(__file__).resolve().parents[2] / "artefacts"
"""Where continuous integration keeps a picture of what each test left on the page. Git ignores it."""
WIDTHS = {"desktop": 1280, "phone": 390}  # CSS pixels


@pytest.fixture(scope="session")
def context() -> Iterator:
    """A running Chromium with an empty cache."""
    if CHROMIUM is None:
        packages = "chromium fonts-noto-core fonts-noto-cjk"
        pytest.skip(f"there is no Chromium here; on Debian: apt install {packages}")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser.new_context()
        browser.close()


@pytest.fixture
def page(context, page_address, request) -> Iterator:
    """The page, freshly opened; the test fails if it asked another host or ran into an error."""
    yield from _open(context, page_address, "#text textarea", request)


@pytest.fixture
def chat_page(context, chat_page_address, request) -> Iterator:
    """The same of the page that can chat, whose console must stay without errors, too."""
    yield from _open(context, chat_page_address, "#message textarea", request, console=True)


@pytest.fixture
def shipped_page(context, shipped_page_address, request) -> Iterator:
    """The same of the page with the shipped checkpoints, for tests that are marked `embedded`."""
    yield from _open(context, shipped_page_address, "#message textarea", request, console=True)


@pytest.fixture
def open_address(context, request) -> Iterator:
    """Opens addresses in pages of their own, each of which must stay without errors in its console."""
    opened: list[Iterator] = []

    def opening(address: str):
        origin = address.partition("?")[0]
        opened.append(_open(context, address, "#tabs", request, console=True, origin=origin))
        return next(opened[-1])

    yield opening
    for pages in opened:
        assert next(pages, None) is None


def _open(context, address: str, first: str, request, *, console: bool = False, origin: str = "") -> Iterator:
    complaints: list[str] = []
    page = context.new_page()
    page.set_default_timeout(WAIT_MILLISECONDS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    own = (origin or address, "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(own) else complaints.append(asked.url))
    if console:
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(address)
    page.locator(first).wait_for()
    yield page
    if os.environ.get("CI"):
        _take_pictures(page, request.node.name)
    page.close()
    assert complaints == []


def _take_pictures(page, test: str) -> None:
    """Keep what a test left on the page, failed or not, as a desktop and as a phone show it."""
    name = re.sub(r"[^\w-]+", "-", test.removeprefix("test_"))[:120].strip("-")
    for device, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=ARTEFACTS / f"{name}-{device}.png", animations="disabled")


@pytest.fixture
def quiet_page(context, page_address, request) -> Iterator:
    """The page that classifies, whose console must stay without errors, too."""
    yield from _open(context, page_address, "#text textarea", request, console=True)
