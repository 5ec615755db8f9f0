"""A checkpoint's card on the page."""

import dataclasses

from fusion_demo.card import card_facts
from fusion_demo.checkpoint import read_checkpoint_info
from fusion_demo.ui.card import card_html, command_html


def test_the_card_has_the_facts_and_the_scores_of_the_model_card(tiny_checkpoints):
    info = read_checkpoint_info(tiny_checkpoints / "news-second")
    page = card_html(info)
    assert all(f"<dt>{name}</dt>" in page for name in card_facts(info))
    assert "<code>transformer-softmax</code>" in page
    assert "<td>Sinhala</td><td>60.0</td><td>0.0 - 100.0</td><td>10</td>" in page
    assert "--default-checkpoint" in page


def test_everything_in_a_card_is_escaped(tiny_checkpoints):
    evil = "<img src=x onerror=alert(1)>"
    info = read_checkpoint_info(tiny_checkpoints / "news-second")
    report = {"command": evil, "languages": {"si": {"accuracy": 0.5, "n": evil, "interval": [0.0, 1.0]}}}
    info = dataclasses.replace(
        info,
        folder=info.folder.with_name(evil),
        command=evil,
        data={"description": f"`{evil}`", "licence": evil, "licence_id": evil},
        metrics={"training": {"machine": evil}, "test": report},
    )
    page = card_html(info)
    assert "<img" not in page
    assert page.count("&lt;img") >= 6


def test_damaged_metrics_are_named(tiny_checkpoints):
    info = read_checkpoint_info(tiny_checkpoints / "news-second")
    damaged = ({"test": {}}, {"training": None}, {"dev": {"command": "", "languages": {"xx": {}}}})
    for metrics in damaged:
        assert "metrics.json is damaged" in card_html(dataclasses.replace(info, metrics=metrics))


def test_the_words_of_a_command_are_not_broken():
    assert command_html("a --b <c") == (
        '<pre class="command"><code><span>a</span> <span>--b</span> <span>&lt;c</span></code></pre>'
    )
