"""The README, the pages of docs/ and the decisions say what is so: files, commands, options, versions."""

import ast
import importlib.util
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import app
import train_cli.__main__
from fusion_demo.settings import read_settings
from fusion_demo.tasks import TASKS
from train_cli.__main__ import build_parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
OPTIONS = "docs/options.md"
TOPICS = ("training", "measuring", "serving", "api", "paper-setting")
PAGES = {
    path: (ROOT / path).read_text("utf-8")
    for path in (
        "README.md",
        "CONTRIBUTING.md",
        OPTIONS,
        "docs/results.md",
        *(f"docs/{t}.md" for t in TOPICS),
    )
}
PROGRAMS = PAGES["docs/api.md"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
REQUIREMENTS = (ROOT / "requirements.txt").read_text("utf-8")
REQUIREMENT_LINES = (REQUIREMENTS + (ROOT / "requirements-dev.txt").read_text("utf-8")).splitlines()
DECISIONS = ROOT / "docs/decisions"


def code_blocks(page: str) -> list[str]:
    """Return the text of the fenced blocks."""
    return re.findall(r"^```\w*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def code_spans(page: str) -> list[str]:
    """Return the text between single backticks, outside the fenced blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL))


def named_files(path: str) -> set[Path]:
    """Return the files and folders that a page names: targets of its links, and paths in backticks."""
    page = PAGES[path]
    links = {link for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page) if "://" not in link}
    spans = {
        span for span in code_spans(page) if re.fullmatch(r"[\w.-]+(/[\w.-]+)*(/|\.(py|md|txt|toml))", span)
    }
    return {(ROOT / path).parent / link for link in links} | {ROOT / span for span in spans}


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def commands(page: str, start: str) -> list[str]:
    """Return a page's command lines with this start, from its blocks and its backticks."""
    lines = [line for block in code_blocks(page) for line in block.splitlines()] + code_spans(page)
    return [line for line in lines if line.startswith(start)]


TRAIN_CLI_COMMANDS = sorted(
    {line for page in PAGES.values() for line in commands(page, "python -m train_cli ")}
)
APP_COMMANDS = sorted({line for page in PAGES.values() for line in commands(page, "python app.py ")})
MAKE_TARGETS = {line.split()[1] for page in PAGES.values() for line in commands(page, "make ")}


def front_matter() -> dict:
    return yaml.safe_load(README.split("---\n")[1])


@pytest.mark.parametrize("path", PAGES)
def test_every_file_and_heading_that_is_named_exists(path):
    assert [str(name) for name in named_files(path) if not name.exists()] == []
    for link, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", PAGES[path]):
        target = (ROOT / path).parent / link if link else ROOT / path
        assert anchor in anchors(target.read_text("utf-8")), f"{link}#{anchor}"


def test_the_readme_and_the_results_are_short_enough_to_read():
    assert len(README.encode()) <= 9_000
    assert len(PAGES["docs/results.md"].encode()) <= 25_000


def test_the_readmes_figures_are_those_of_the_results():
    figures = re.findall(r"(\d+\.\d) %", README)
    assert figures
    assert [figure for figure in figures if f"| {figure}" not in PAGES["docs/results.md"]] == []


@pytest.mark.parametrize("line", TRAIN_CLI_COMMANDS)
def test_every_train_cli_command_parses(line):
    build_parser().parse_args(shlex.split(line)[3:])


def test_the_main_commands_are_shown():
    assert {"train", "evaluate", "models"} <= {line.split()[3] for line in TRAIN_CLI_COMMANDS}


def test_every_app_command_parses():
    assert APP_COMMANDS
    for line in APP_COMMANDS:
        read_settings("", shlex.split(line)[2:], {})


@pytest.mark.parametrize("target", sorted(MAKE_TARGETS))
def test_every_make_target_exists(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_python_examples_compile():
    for block in re.findall(r"^```python\n(.*?)^```$", PROGRAMS, re.MULTILINE | re.DOTALL):
        ast.parse(block)


SINGLE_TEXT_EXAMPLES = [
    block
    for block in re.findall(r"^```python\n(.*?)^```$", PROGRAMS, re.MULTILINE | re.DOTALL)
    if '"/chat"' not in block
]


@pytest.mark.parametrize("block", SINGLE_TEXT_EXAMPLES)
def test_python_examples_run(block, page_address, tmp_path, capsys):
    """As they stand, but for the address and the name of the checkpoint, which the test's page has not."""
    program = block.replace("http://127.0.0.1:7860", page_address)
    program = program.replace("news-transformer-softmax", "news-second")
    script = tmp_path / "example.py"
    script.write_text(program, encoding="utf-8")
    runpy.run_path(str(script))
    printed = capsys.readouterr().out
    assert any(label in printed for label in TASKS["news"].labels)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_examples_run(page_address):
    """As they stand, but for the address, and the event id, which the first call tells."""
    (block,) = (block for block in code_blocks(PROGRAMS) if "curl" in block)
    here = page_address.rstrip("/")
    commands = block.replace("\\\n", " ").replace("http://127.0.0.1:7860", here).splitlines()
    assert [shlex.split(command)[0] for command in commands] == ["curl", "curl"]
    event = json.loads(subprocess.check_output(shlex.split(commands[0]), text=True))["event_id"]
    told = subprocess.check_output(shlex.split(commands[1].replace("EVENT_ID", event)), text=True)
    assert told.startswith("event: complete")
    (result,) = json.loads(told.partition("data: ")[2])
    assert result["label"] in TASKS["news"].labels
    assert sum(result["scores"].values()) == pytest.approx(1, abs=1e-4)


def test_there_is_an_example_of_every_endpoint_that_answers_one_text_or_many():
    named = set(re.findall(r'api_name="/(\w+)"', "".join(SINGLE_TEXT_EXAMPLES)))
    assert named == {"classify", "classify_many", "compare", "layers"}


def test_the_front_matter_is_that_of_a_gradio_space():
    space = front_matter()
    assert (space["sdk"], space["app_file"]) == ("gradio", "app.py")
    assert f"gradio=={space['sdk_version']}\n" in REQUIREMENTS
    assert len(space["short_description"]) <= 60
    assert space["license"] == "apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
    assert isinstance(space["python_version"], str)  # unquoted, 3.10 would be read as the number 3.1


def test_the_tables_of_options_are_fresh():
    spec = importlib.util.spec_from_file_location("options", ROOT / "docs/options.py")
    options = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(options)
    assert options.options_page() == PAGES[OPTIONS], "run `make docs`"


@pytest.mark.parametrize("program", [app, train_cli.__main__])
def test_help_is_shown(program, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program", "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        program.main()
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("usage:")


def test_every_requirement_is_explained():
    page = (DECISIONS / "0001-dependencies.md").read_text("utf-8")
    first_cells = re.findall(r"^\| ([\w, -]+?) \|", page, re.MULTILINE)
    explained = {name for cell in first_cells for name in cell.split(", ")} - {"package"}
    assert explained == {line.partition("==")[0] for line in REQUIREMENT_LINES}


def test_every_requirement_is_pinned():
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", line.split(";")[0]) for line in REQUIREMENT_LINES)


def test_the_version_is_the_newest_of_the_changelog():
    versions = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions == sorted(versions, key=lambda v: [*map(int, v.split("."))], reverse=True)
    assert f'\nversion = "{versions[0]}"\n' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_index_of_decisions_is_complete():
    linked = re.findall(r"\]\(([^)]+)\)", (DECISIONS / "README.md").read_text("utf-8"))
    assert linked == sorted(path.name for path in DECISIONS.glob("0*.md"))
