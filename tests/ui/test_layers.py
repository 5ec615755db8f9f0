"""The tab Layers and its endpoint, called as the page and a program call them."""

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

import app
from fusion_demo.layer_session import LayerSession
from fusion_demo.layer_use import read_layer_report
from fusion_demo.session import Session
from fusion_demo.ui.layers import layers_tab
from fusion_demo.ui.layers_examples import SENTENCES
from fusion_demo.ui.translations import in_english
from tests.layer_use.test_reports import REPORT, USE, write

SINHALA, URDU = "ආයුබෝවන් ලංකා", "یہ خبر ہے"


@pytest.fixture(scope="module")
def session(tiny_checkpoints):
    return Session(tiny_checkpoints)


@pytest.fixture(scope="module")
def client(session):
    demo = app.build_demo(session)
    app.serve(demo, server_name="127.0.0.1")
    yield Client(demo.local_url, verbose=False)
    demo.close()


def build(session, metrics) -> gr.Blocks:
    with gr.Blocks() as demo:
        layers_tab(LayerSession(session), metrics)
    return demo


def handler(demo, name):
    return next(function.fn for function in demo.fns.values() if function.name == name)


def by_id(update):
    return {component.elem_id: value for component, value in update.items()}


def test_the_page_starts_with_the_kept_report(session, tmp_path):
    write(
        tmp_path,
        "layers-news.json",
        REPORT | {"languages": dict.fromkeys(["ta", "hi", "or", "bn", "si"], USE)},
    )
    demo = build(session, tmp_path)
    shown = {getattr(block, "elem_id", None): block for block in demo.blocks.values()}
    assert shown["layers-report"].value == "news · dev"
    first = ["si", "ta", "hi", "or"]  # the page's own first ones, then others in the report's order
    assert shown["layers-languages"].value == first
    assert "Sinhala" in shown["language-numbers"].value
    figure, distances, numbers = handler(demo, "draw")("news · dev", ["si", "ta"])
    assert [trace.name for trace in figure.data if trace.showlegend] == ["Tamil", "Sinhala"]
    assert "Tamil" in distances
    assert "Tamil" in numbers
    languages, *_ = handler(demo, "choose")("news · dev")
    assert languages.value == first


def test_without_a_report_the_page_says_how_to_write_one(session, tmp_path):
    demo = build(session, tmp_path)
    shown = " ".join(str(getattr(block, "value", "")) for block in demo.blocks.values())
    assert "python -m train_cli layers" in shown
    assert not any(getattr(block, "elem_id", "") == "layers-report" for block in demo.blocks.values())


def test_sentences_are_compared_and_empty_boxes_passed_over(session, tmp_path):
    update = by_id(handler(build(session, tmp_path), "compare")("news-second", SINHALA, "", URDU, " "))
    names = [trace.name for trace in update["sentence-profiles"].data if trace.showlegend]
    assert names == ["1 Sinhala", "2 Urdu"]
    found = LayerSession(session).profiles([[SINHALA], [URDU]], "news-second")
    drawn = [trace.y for trace in update["sentence-profiles"].data if trace.yaxis == "y"]
    assert np.allclose(drawn, [one.profile.weights for one in found])
    assert "Urdu" in update["sentence-distances"]


def test_a_sentence_that_cannot_be_read_gets_a_message(session, tmp_path):
    update = by_id(handler(build(session, tmp_path), "compare")("news-second", "", None, "", ""))
    assert "Give 1 to 4 texts" in update["sentences-problem"].value
    assert "sentence-profiles" not in update


def test_a_masking_shows_how_far_it_is_and_then_its_numbers(session, tmp_path):
    mask = handler(build(session, tmp_path), "mask")
    *steps, last = map(by_id, mask("news-second", SINHALA, "left over", 1.0, 10.0, None))
    assert ["Read 1 of 12 times" in step["masking-state"] for step in steps] == [True, False]
    assert len([trace for trace in last["masking"].data if trace.showlegend]) == 2
    assert "<table" in last["masking-numbers"]
    (update,) = map(by_id, mask("news-first", SINHALA, "", 1, 1, 0))
    assert "last-layer" in update["masking-problem"].value


def test_a_checkpoint_of_pairs_asks_for_a_second_text(session, tmp_path):
    follow = handler(build(session, tmp_path), "follow")
    assert (follow("pairs").visible, in_english(follow("pairs").label)) == (
        True,
        "Hypothesis in any language",
    )
    assert not follow("news-second").visible


def test_each_example_has_as_many_sentences_as_there_are_boxes():
    assert {len(sentences) for _, sentences in SENTENCES} == {4}


def test_a_program_gets_the_numbers_of_the_session(client, session):
    asked = {"texts": [SINHALA, URDU], "checkpoint": "news-second", "masked": 1, "draws": 2, "seed": 4}
    answer = client.predict(**asked, api_name="/layers")
    found = LayerSession(session).profiles([[SINHALA], [URDU]], "news-second")
    assert answer["layers"] == found[0].layers
    for text, one in zip(answer["texts"], found, strict=True):
        assert (text["text"], text["language"], text["tokens"]) == (one.text, one.language, one.tokens)
        assert text["weights"] == pytest.approx(one.profile.weights)
        assert text["contributions"] == pytest.approx(one.profile.shares)
        assert text["masking"]["draws"] == 2
    (plain,) = client.predict(["two words"], api_name="/layers")["texts"]
    assert plain["masking"] is None


def test_a_program_may_give_pairs(client):
    asked = {"texts": ["a b"], "second_texts": ["c d"], "checkpoint": "pairs", "masked": 1, "draws": 1}
    (text,) = client.predict(**asked, api_name="/layers")["texts"]
    assert text["text"] == ["a b", "c d"]
    assert text["masking"]["masked"][0]["random_interval"] is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"texts": "a"}, "texts must be a list, not str"),
        ({"texts": [5]}, "a text must be a string, not int"),
        ({"texts": []}, "Give 1 to 4 texts"),
        ({"texts": ["a"] * 5}, "Give 1 to 4 texts"),
        ({"second_texts": []}, "as many second_texts as texts"),
        ({"checkpoint": "x"}, "Unknown checkpoint 'x'"),
        ({"masked": 1.5}, "masked must be a whole number, not float"),
        ({"masked": 99}, "masked must be at least 1 and at most 6"),
        ({"masked": 1, "draws": 1000}, "draws must be at least 1 and at most 10"),
        ({"masked": 1, "checkpoint": "news-first"}, "last-layer"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_a_sentence(client, asked, message):
    with pytest.raises(AppError) as refused:
        client.predict(**{"texts": ["two words"]} | asked, api_name="/layers")
    assert message in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_the_apps_own_reports_are_there():
    assert read_layer_report(app.METRICS / "layers-sib200-transformer-softmax.json")["languages"]
