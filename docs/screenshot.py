"""Takes the README's picture of the page: `python docs/screenshot.py`.

Needs Debian's chromium, fonts-noto-core, and requirements-dev.txt.
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app import CHECKPOINTS, LAUNCH_OPTIONS, build_demo  # noqa: E402 - found by the line above
from fusion_demo.session import Session  # noqa: E402

WIDTH, HEIGHT = 1280, 900  # CSS pixels
LARGEST_BYTES = 400_000


def main() -> None:
    """Start the page, take the Sinhala example, wait for its heatmap, and save a picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images/classify.png")
    options = parser.parse_args()
    session = Session(options.checkpoints)
    session.warm_up()
    demo = build_demo(session)
    demo.launch(server_name="127.0.0.1", **LAUNCH_OPTIONS)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.set_default_timeout(120_000)
        page.goto(demo.local_url)
        page.get_by_role("tab", name="Classify").click()
        page.get_by_text("Sinhala · සිංහල", exact=True).locator("visible=true").click()
        page.locator("#heatmap .xtick").first.wait_for()
        page.wait_for_timeout(1_000)  # bars grow into place
        page.mouse.move(0, 0)
        page.screenshot(path=options.output, full_page=True)
        browser.close()
    demo.close()
    size = options.output.stat().st_size
    print(f"{options.output}: {size:,} bytes")
    if size > LARGEST_BYTES:
        sys.exit(f"The picture is larger than {LARGEST_BYTES:,} bytes.")


if __name__ == "__main__":
    main()
