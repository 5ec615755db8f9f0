"""Takes the pictures of the README and the user guide: `python docs/screenshot.py`.

Needs Debian's chromium, fonts-noto-core, fonts-noto-cjk, and requirements-dev.txt.
"""

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app import CHECKPOINTS, build_demo, serve  # noqa: E402 - found by the line above
from fusion_demo.session import Session  # noqa: E402

WIDTH, HEIGHT = 1280, 900  # CSS pixels
LARGEST_BYTES = 400_000
WAIT_MILLISECONDS = 300_000
MESSAGE = "मुझे एक अच्छी किताब बताओ"
HEADLINES = """ශ්‍රී ලංකා කණ්ඩායම තරගය ජයගත්තේය
Assam floods force thousands from their homes
தங்கம் விலை இன்று குறைந்தது
کرکٹ ٹیم نے میچ جیت لیا"""


def chat(page: Page) -> None:
    """Ask in Hindi, and wait for all that is shown of the answer."""
    page.locator("#message textarea").fill(MESSAGE)
    page.locator("#send").click()
    page.locator("#chat-heatmap .xtick").first.wait_for()
    page.locator("#send").wait_for()  # in place of Stop, once the echo is there too


def classify(page: Page) -> None:
    """Take the Sinhala example, and wait for its heatmap."""
    page.get_by_text("Sinhala · සිංහල", exact=True).locator("visible=true").click()
    page.locator("#heatmap .xtick").first.wait_for()


def many_texts(page: Page) -> None:
    """Classify four headlines in as many languages."""
    page.get_by_role("tab", name="Many texts").click()
    page.locator("#many-text textarea").fill(HEADLINES)
    page.locator("#many-go").click()
    page.locator("#many-csv").wait_for()
    page.locator("#many-table").get_by_text("Urdu").first.wait_for()


def compare(page: Page) -> None:
    """Put a headline through three systems."""
    page.locator("#compare-text textarea").fill(HEADLINES.splitlines()[0])
    page.locator("#compare-go").click()
    for lane in (1, 2, 3):
        page.locator(f"#lane-{lane} .answered").wait_for(state="attached")
    page.locator("#lane-1 .lane-heatmap .xtick").first.wait_for()


def layers(page: Page) -> None:
    """Show the kept report of layers per language."""
    page.locator("#language-profiles .main-svg").first.wait_for()


def results(page: Page) -> None:
    """Show the first table of results."""
    page.locator("#results-table").first.wait_for()


def training(page: Page) -> None:
    """Show the runs and the curves of the first of them."""
    page.locator("#curves .main-svg").first.wait_for()


PICTURES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "chat.png": ("chat", chat),
    "classify.png": ("classify", classify),
    "many-texts.png": ("classify", many_texts),
    "compare.png": ("compare", compare),
    "layers.png": ("layers", layers),
    "results.png": ("results", results),
    "training.png": ("training", training),
}
"""File → the tab that it shows, and what is done there first."""


def main() -> None:
    """Start the page and save a picture of each tab."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", metavar="NAME", help=f"all, or of {', '.join(PICTURES)}")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images")
    parser.add_argument("--width", type=int, default=WIDTH, help="CSS pixels, 390 for a phone")
    parser.add_argument("--locale", default="en-US", help="language of the browser, as si-LK or ar-EG")
    options = parser.parse_args()
    if unknown := set(options.pictures) - set(PICTURES):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}")
    session = Session(options.checkpoints)
    session.warm_up()
    demo = build_demo(session)
    serve(demo, server_name="127.0.0.1")
    options.output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
        )
        for name in options.pictures or PICTURES:
            page = browser.new_page(
                viewport={"width": options.width, "height": HEIGHT},
                color_scheme="light",
                locale=options.locale,
            )
            page.set_default_timeout(WAIT_MILLISECONDS)
            tab, act = PICTURES[name]
            page.goto(f"{demo.local_url}?tab={tab}")
            act(page)
            page.wait_for_timeout(1_000)  # bars grow into place
            page.mouse.move(0, 0)
            page.screenshot(path=options.output / name, full_page=True)
            page.close()
        browser.close()
    demo.close()
    for name in options.pictures or PICTURES:
        size = (options.output / name).stat().st_size
        print(f"{options.output / name}: {size:,} bytes")
        if size > LARGEST_BYTES:
            sys.exit(f"The picture is larger than {LARGEST_BYTES:,} bytes.")


if __name__ == "__main__":
    main()
