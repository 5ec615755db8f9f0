"""The tabs Results and Training, settings in the address, with the checkpoints that are shipped."""

import json
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fusion_demo.training_log import utc_text

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
PLOT = "#curves .main-svg"
POINTS = "#curves .scatterlayer .point"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    """A copy of the shipped checkpoints, without their tensors and states."""
    folder = tmp_path_factory.mktemp("shipped") / "checkpoints"
    left_out = shutil.ignore_patterns("*.safetensors", "last", "status.json")
    shutil.copytree(ROOT / "checkpoints", folder, ignore=left_out)
    return folder


@pytest.fixture(scope="module")
def address(shipped):
    from app import build_demo, serve
    from fusion_demo.session import Session

    demo = build_demo(Session(shipped))
    serve(demo, server_name="127.0.0.1")
    yield demo.local_url
    demo.close()


@pytest.fixture
def open_page(open_address, address):
    """Opens the page of the shipped checkpoints at a query."""
    return lambda query: open_address(address + query)


def column(page, number: int) -> list[str]:
    """Return the texts of a column of the grid, from top to bottom."""
    return page.locator(f"#results-grid [role=gridcell][aria-colindex='{number}']").all_inner_texts()


def choose(page, menu: str, name: str) -> None:
    """Choose from a menu."""
    page.locator(f"{menu} input").click()
    page.get_by_role("option", name=name, exact=True).click()


def test_a_table_of_results_is_shown_and_sorted_by_its_numbers(open_page):
    page = open_page("?tab=results")
    page.locator("#results-grid [role=gridcell]").first.wait_for()
    before = column(page, 3)
    assert "(" in before[0]
    page.locator("#results-grid .cell-menu-button").nth(2).click()
    page.get_by_role("menuitem", name="Sort descending").click()
    page.wait_for_timeout(500)
    numbers = [float(text.split()[0]) for text in column(page, 3)]
    assert numbers == sorted(numbers, reverse=True)
    assert sorted(column(page, 3)) == sorted(before)


def test_systems_that_cannot_be_told_apart_and_a_card_are_shown(open_page):
    page = open_page("?tab=results")
    choose(page, "#results-section", "Inference (XNLI), test split: differences on the same rows")
    page.get_by_text("Systems that share a letter").wait_for()
    page.locator("#results-grid").get_by_text("mean of all (15)").first.wait_for()
    assert all(text.split()[1].isalpha() for text in column(page, 2))
    choose(page, "#results-card-menu", "xnli-last-layer")
    page.locator("#results-card h3", has_text="xnli-last-layer").wait_for()
    assert "--default-checkpoint xnli-last-layer" in page.locator("#results-card").inner_text()


def test_two_trainings_are_compared_and_survive_a_reload(open_page):
    page = open_page("?tab=training&runs=news-last-layer,echo-transformer-softmax")
    page.locator(PLOT).first.wait_for()
    for _ in range(2):
        page.locator(".run h3").nth(1).wait_for()
        assert page.locator(".run h3").all_inner_texts() == ["news-last-layer", "echo-transformer-softmax"]
        page.locator("#curves .legendtext").nth(1).wait_for()
        assert "--task news" in page.locator(".command").first.inner_text()
        assert "tab=training" in page.url
        page.reload()


def test_a_running_training_is_followed_live(open_page, shipped):
    folder = shipped / "a-live-one"
    folder.mkdir()

    def write(state: str, *updates: int) -> None:
        now = utc_text(datetime.now(UTC))
        status = {
            "state": state,
            "command": "python -m train_cli train --task news",
            "task": "news",
            "fusion": "last-layer",
            "phase": "training",
            "update": updates[-1],
            "updates": 60,
            "started": now,
            "heartbeat": now,
            "problem": "",
        }
        (folder / "status.json").write_text(json.dumps(status))
        lines = [json.dumps({"update": u, "seconds": float(u), "loss": 1 / u}) for u in updates]
        (folder / "metrics.jsonl").write_text("\n".join(lines) + '\n{"update": 99, "se')

    write("running", 10, 20)
    try:
        page = open_page("?tab=training")
        page.get_by_text("update 20 of 60").wait_for()
        assert page.locator(".run").get_attribute("data-state") == "running"
        write("running", 10, 20, 30)
        page.get_by_text("update 30 of 60").wait_for()
        page.wait_for_function("document.querySelectorAll('" + POINTS + "').length === 3")
        write("finished", 10, 20, 30, 60)
        page.locator(".run[data-state=finished]").wait_for()
    finally:
        shutil.rmtree(folder)


@pytest.mark.sweep
def test_a_real_training_is_watched_from_its_start_to_its_end(open_page, shipped):
    folder = shipped / "a-real-one"
    options = ["--preset", "tiny", "--task", "news", "--data", "docs/own-models", "--output", str(folder)]
    command = [sys.executable, "-m", "train_cli", "train", *options, "--epochs", "80"]
    training = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        while not (folder / "status.json").exists():
            assert training.poll() is None
            time.sleep(0.1)
        page = open_page("?tab=training")
        page.locator(".run[data-state=running] h3", has_text="a-real-one").wait_for()
        page.locator(PLOT).first.wait_for()
        page.reload()
        page.locator(".run[data-state=finished] h3", has_text="a-real-one").wait_for()
        assert training.wait(timeout=60) == 0
        page.wait_for_function(f"document.querySelectorAll('{POINTS}').length > 3")
        assert "--preset tiny" in page.locator(".command").first.inner_text()
    finally:
        training.kill()
        training.wait()
        shutil.rmtree(folder)


def test_the_form_writes_a_command_and_says_what_is_wrong(open_page):
    page = open_page("?tab=training")
    page.locator("#training-form button").first.click()
    choose(page, "#train-task", "xnli")
    page.locator("#command", has_text="train --task xnli --output checkpoints/xnli-own").wait_for()
    assert page.locator("#train-soft-token-unit input").input_value() == "word"
    choose(page, "#train-task", "news")
    page.locator("#command", has_text="train --task news --data FOLDER").wait_for()
    page.locator("#train-data :is(input, textarea)").fill("my data; $(rm)")
    page.locator("#command", has_text="--data 'my data; $(rm)'").wait_for()
    page.locator("#train-output :is(input, textarea)").fill("../up")
    page.locator("#command-problem", has_text="is not a name inside checkpoints/").wait_for()
    page.locator("#train-output :is(input, textarea)").fill("mine")
    page.locator("#command", has_text="--output checkpoints/mine").wait_for()


@pytest.mark.parametrize("tab", ["results", "training"])
def test_on_a_phone_nothing_is_wider_than_the_page(open_page, tab):
    page = open_page(f"?tab={tab}")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#results-grid [role=gridcell], #curves .main-svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_address_follows_the_tabs(open_page):
    page = open_page("?tab=results")
    page.locator("#results-grid [role=gridcell]").first.wait_for()
    page.get_by_role("tab", name="Training").click()
    page.locator(PLOT).first.wait_for()
    page.wait_for_function("location.search === '?tab=training'")
