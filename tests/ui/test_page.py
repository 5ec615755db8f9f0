"""Which tabs and endpoints the page has, and what it says without a checkpoint."""

import shutil

import gradio as gr

import app
from fusion_demo.session import Session
from fusion_demo.ui.translations import in_english


def test_these_are_the_only_endpoints(client):
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert set(named) == {"/classify", "/classify_many", "/compare", "/layers"}
    assert not client.view_api(return_format="dict")["unnamed_endpoints"]


def test_a_page_that_can_chat_has_both_endpoints_and_both_tabs(chat_client, chat_checkpoints):
    assert set(chat_client.view_api(return_format="dict")["named_endpoints"]) == {
        "/chat",
        "/classify",
        "/classify_many",
        "/compare",
        "/layers",
    }
    demo = app.build_demo(Session(chat_checkpoints))
    tabs = [in_english(block.label) for block in demo.blocks.values() if isinstance(block, gr.Tab)]
    assert tabs == ["Chat", "Classify", "One text", "Many texts", "Compare", "Layers", "Results", "Training"]


def test_a_page_that_cannot_classify_shows_the_chat_alone(chat_checkpoints, tmp_path):
    shutil.copytree(chat_checkpoints / "echo-first", tmp_path / "echo")
    demo = app.build_demo(Session(tmp_path))
    tabs = [in_english(block.label) for block in demo.blocks.values() if isinstance(block, gr.Tab)]
    assert tabs == ["Chat", "Results", "Training"]
    shown = " ".join(in_english(getattr(block, "value", "")) for block in demo.blocks.values())
    assert "There is no checkpoint" not in shown


def test_nothing_is_reported_to_anyone(tiny_checkpoints):
    assert not app.build_demo(Session(tiny_checkpoints)).analytics_enabled


def test_without_a_checkpoint_the_page_says_how_to_train_one(tmp_path):
    demo = app.build_demo(Session(tmp_path / "bridges"))
    shown = " ".join(in_english(block.value) for block in demo.blocks.values() if hasattr(block, "value"))
    assert "There is no checkpoint in `bridges/` yet" in shown
    assert "python -m train_cli train --task news --data FOLDER --output bridges/news" in shown
