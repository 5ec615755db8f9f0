from pathlib import Path

import pytest

from fusion_demo.errors import DataError
from fusion_demo.results.markdown import render_section
from fusion_demo.results.writing import writing_sections

ECHO = Path("docs/metrics/echo-transformer.json")
CHAT = Path("docs/metrics/chat-transformer.json")


def echoed(chrf, n=200):
    return {"chrf": chrf, "bleu": chrf / 4, "recall": chrf / 2, "retrieval": 99.96, "n": n}


@pytest.fixture
def echo():
    languages = {"en": echoed(60.0), "de": echoed(30.0), "si": echoed(20.04)}
    return {"task": "echo", "checkpoint": "echo-t", "languages": languages, "command": "echo it"}


@pytest.fixture
def chat():
    row = {"agreement": 20.0, "divergence": 1.2345, "reference": 10.0, "recall": 5.0, "n": 100}
    return {"task": "chat", "system": "llm-alone", "languages": {"hi": row}, "command": "chat it"}


def render(reports):
    return "\n".join(map(render_section, writing_sections(reports)))


def cells(page):
    lines = page.splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("|") and "---" not in line]


def test_the_summary_has_a_row_per_measure_with_the_mean_of_the_other_languages(echo):
    rows = cells(render({ECHO: echo}))[2:]
    assert rows[0] == ["system", "measure", "English", "mean of the others", "Sinhala", "n"]
    assert rows[1] == ["echo-t", "chrF", "60.0", "25.0", "20.0", "2 × 200"]
    assert rows[4] == ["echo-t", "retrieved", "100.0", "100.0", "100.0", "2 × 200"]


def test_every_measure_has_a_table_of_languages_by_system(echo):
    floor = {**echo, "system": "llm-alone", "languages": {"de": echoed(9.0)}}
    del floor["checkpoint"]
    page = render({ECHO: echo, ECHO.with_name("echo-llm-alone.json"): floor})
    rows = cells(page)
    start = rows.index(["language", "echo-t", "llm-alone"])
    assert rows[start + 1 : start + 4] == [
        ["English", "60.0", "–"],
        ["German", "30.0", "9.0"],
        ["Sinhala", "20.0", "–"],
    ]
    assert rows.count(["language", "echo-t", "llm-alone"]) == 4
    assert "    echo it\n" in page


def test_the_overview_has_a_row_a_system_the_mean_of_its_seeds(echo):
    again = {**echo, "checkpoint": "echo-t-seed1", "languages": {**echo["languages"], "en": echoed(70.0)}}
    best = {**echo, "best_of": 4}
    rows = cells(
        render({ECHO: echo, ECHO.with_name("echo-2.json"): again, ECHO.with_name("echo-3.json"): best})
    )
    assert rows[0][:2] == ["system", "chrF"]
    assert rows[0][-2:] == ["languages × texts", "seeds"]
    assert rows[1][:2] == ["echo-t", "65.0 / 25.0 / 20.0"]
    assert rows[1][-2:] == ["2 × 200", "2"]
    assert rows[2][:2] == ["echo-t, best of 4", "60.0 / 25.0 / 20.0"]


def test_answers_to_messages_follow_the_echoes_and_nats_have_two_decimals(echo, chat):
    page = render({CHAT: chat, ECHO: echo})
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings[::2] == ["## Understood as: the echo", "## Chat: answers to messages"]
    assert ["llm-alone", "divergence (nats a token)", "–", "1.23", "–", "1 × 100"] in cells(page)


def test_nothing_measured_is_nothing_shown():
    assert writing_sections({}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"task": "chat"},
        {"command": None},
        {"languages": {"xx": echoed(1.0)}},
        {"languages": {"de": {"chrf": 1.0}}},
        {"languages": []},
        {"checkpoint": "", "system": None},
    ],
)
def test_a_file_that_lacks_something_is_named(echo, change):
    broken = {**echo, **change}
    if broken.get("system", "") is None:
        del broken["system"]
    with pytest.raises(DataError, match=r"echo-transformer\.json is no metrics file of `echo`"):
        writing_sections({ECHO: broken})
