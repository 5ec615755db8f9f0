"""Takes the README's pictures of the page: `python docs/screenshot.py`.

Needs Debian's chromium, fonts-noto-core, and requirements-dev.txt.
"""

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app import CHECKPOINTS, LAUNCH_OPTIONS, build_demo  # noqa: E402 - found by the line above
from fusion_demo.session import Session  # noqa: E402

WIDTH, HEIGHT = 1280, 900  # CSS pixels
LARGEST_BYTES = 400_000
MESSAGE = "मुझे एक अच्छी किताब बताओ"


def chat(page: Page) -> None:
    """Ask in Hindi, and wait for all that is shown of the answer."""
    page.get_by_role("tab", name="Chat").click()
    page.locator("#message textarea").fill(MESSAGE)
    page.locator("#send").click()
    page.locator("#chat-heatmap .xtick").first.wait_for()
    page.locator("#send").wait_for()  # in place of Stop, once the echo is there too


def classify(page: Page) -> None:
    """Take the Sinhala example, and wait for its heatmap."""
    page.get_by_role("tab", name="Classify").click()
    page.get_by_text("Sinhala · සිංහල", exact=True).locator("visible=true").click()
    page.locator("#heatmap .xtick").first.wait_for()


PICTURES: dict[str, Callable[[Page], None]] = {"chat.png": chat, "classify.png": classify}


def main() -> None:
    """Start the page and save a picture of each tab."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images")
    parser.add_argument("--width", type=int, default=WIDTH, help="CSS pixels, 390 for a phone")
    options = parser.parse_args()
    session = Session(options.checkpoints)
    session.warm_up()
    demo = build_demo(session)
    demo.launch(server_name="127.0.0.1", **LAUNCH_OPTIONS)
    options.output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
        )
        for name, act in PICTURES.items():
            page = browser.new_page(viewport={"width": options.width, "height": HEIGHT}, color_scheme="light")
            page.set_default_timeout(120_000)
            page.goto(demo.local_url)
            act(page)
            page.wait_for_timeout(1_000)  # bars grow into place
            page.mouse.move(0, 0)
            page.screenshot(path=options.output / name, full_page=True)
            page.close()
        browser.close()
    demo.close()
    for name in PICTURES:
        size = (options.output / name).stat().st_size
        print(f"{options.output / name}: {size:,} bytes")
        if size > LARGEST_BYTES:
            sys.exit(f"The picture is larger than {LARGEST_BYTES:,} bytes.")


if __name__ == "__main__":
    main()
