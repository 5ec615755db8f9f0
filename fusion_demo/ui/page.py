"""The page: every tab, what a link restores, and the endpoints for programs."""

from pathlib import Path

import gradio as gr

from fusion_demo.layer_session import LayerSession
from fusion_demo.session import Session
from fusion_demo.ui.chat import chat_tab
from fusion_demo.ui.classify import classify_tab, no_checkpoint_page
from fusion_demo.ui.classify_many import classify_many_tab
from fusion_demo.ui.compare import compare_tab
from fusion_demo.ui.endpoint import chat_endpoint, classify_endpoint
from fusion_demo.ui.endpoint_compare import compare_endpoint
from fusion_demo.ui.endpoint_layers import layers_endpoint
from fusion_demo.ui.endpoint_many import classify_many_endpoint
from fusion_demo.ui.interface_language import language_mark, translate_tabs
from fusion_demo.ui.layers import layers_tab
from fusion_demo.ui.links import restore_links
from fusion_demo.ui.reading import MODELS
from fusion_demo.ui.results import results_tab
from fusion_demo.ui.streaming import StreamingBlocks
from fusion_demo.ui.training import training_tab
from fusion_demo.ui.translations import ui_text

TITLE = "Fusion Demo"

DELETE_FILES = (600, 3600)
"""Every ten minutes, uploads and downloads that are older than an hour."""


def build_page(session: Session, metrics: Path, layers: LayerSession | None = None) -> gr.Blocks:
    """Build the page for a session.

    Args:
        session: Answers the page.
        metrics: Folder of the metrics files that are no checkpoint's; it may be missing.
        layers: Measures layers; by default with the session's own models.

    Raises:
        CheckpointError: a checkpoint is damaged, or the default one is not there.
    """
    chats, classifies = bool(session.chat_checkpoints()), bool(session.checkpoints())
    inputs, layers = None, layers or LayerSession(session)
    with StreamingBlocks(title=TITLE, analytics_enabled=False, delete_cache=DELETE_FILES) as demo:
        # Endpoints come first: an event of a tab, private as it is, would take a name of theirs.
        if chats:
            chat_endpoint(session)
        classify_endpoint(session)
        classify_many_endpoint(session)
        compare_endpoint(session)
        layers_endpoint(layers)
        mark = language_mark()
        gr.Markdown(f"# {TITLE}\n{ui_text('introduction')}")
        notice = gr.HTML(visible=False, elem_id="link-notice")
        if not (chats or classifies):
            no_checkpoint_page(session.folder.name)
        known: dict[str, gr.Tab] = {}
        with gr.Tabs(elem_id="tabs") as tabs:
            if chats:
                with gr.Tab(ui_text("tab_chat"), id="chat") as known["chat"]:
                    chat_tab(session)
            if classifies:
                with gr.Tab(ui_text("tab_classify"), id="classify") as known["classify"], gr.Tabs():
                    with gr.Tab(ui_text("tab_one_text")):
                        inputs = classify_tab(session)
                    with gr.Tab(ui_text("tab_many_texts")):
                        classify_many_tab(session)
                with gr.Tab(ui_text("tab_compare"), id="compare") as known["compare"]:
                    compare_tab(session)
                with gr.Tab(ui_text("tab_layers"), id="layers") as known["layers"]:
                    layers_tab(layers, metrics)
            with gr.Tab(ui_text("tab_results"), id="results") as known["results"]:
                results_tab(session.folder, metrics, known["results"])
            with gr.Tab(ui_text("tab_training"), id="training") as known["training"]:
                training_tab(session.folder, known["training"], tabs)
        translate_tabs(mark, [block for block in demo.blocks.values() if isinstance(block, gr.Tab)])
        restore_links(demo, session, tabs, known, inputs, notice)
    for event in demo.fns.values():
        if event.concurrency_id == MODELS:
            event.concurrency_limit = session.at_once
    return demo
