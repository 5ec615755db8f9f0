"""What the page asks for, without the page: the label of a text or a pair, and the answer to a message."""

import dataclasses
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fusion_demo.frozen
from fusion_demo.chat import Message
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info, save_checkpoint
from fusion_demo.decoding import Decoding
from fusion_demo.errors import CheckpointError, ConfigError, FusionDemoError, InputError
from fusion_demo.input_text import MAX_CHARACTERS
from fusion_demo.lanes import Lane
from fusion_demo.many_texts import InputRow
from fusion_demo.session import Session
from fusion_demo.tasks import TASKS

SINHALA = "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි"


@pytest.fixture(scope="module")
def session(tiny_checkpoints):
    return Session(tiny_checkpoints)


def test_an_answer_names_the_checkpoint_that_gave_it(session, chat_checkpoints):
    for asked, named in (("", "news-second"), ("news-first", "news-first")):
        assert session.classify("rain", "news", asked).checkpoint == named
        (row,) = session.classify_many([InputRow(("rain",))], "news", asked)
        assert row.classification.checkpoint == named
    (lane,) = session.compare("rain", "news", [Lane("news-first")])
    assert lane.classification.checkpoint == "news-first"
    assert chat(Session(chat_checkpoints), "rain").checkpoint == "echo-first"


def test_texts_asked_together_are_answered_as_each_alone_and_cost_no_other(session):
    pairs = [("rain", ""), (" ", ""), (SINHALA, ""), ("one", "two")]
    first, empty, second, two = session.classify_together(pairs, "news", "news-second")
    for answer, (text, _) in ((first, pairs[0]), (second, pairs[2])):
        alone = session.classify(text, "news", "news-second")
        assert answer.label == alone.label
        assert answer.scores == pytest.approx(alone.scores, abs=1e-5)
        assert answer.layer_weights == pytest.approx(alone.layer_weights, abs=1e-5)
    assert "no text to read" in str(empty)
    assert "asks about one text" in str(two)
    (refused,) = session.classify_together([(" ", "")], "news")
    assert isinstance(refused, InputError)
    with pytest.raises(CheckpointError):
        session.classify_together(pairs, "news", "nowhere")


def test_a_classification_holds_together(session):
    result = session.classify(SINHALA, "news", "news-second")
    assert list(result.scores) == list(TASKS["news"].label_words)
    assert sum(result.scores.values()) == pytest.approx(1.0)
    assert result.scores[result.label] == max(result.scores.values())
    assert result.language == "si"
    assert result.layers == [1, 2, 3]
    assert result.layer_weights.shape == (len(result.tokens), 3)
    assert np.allclose(result.layer_weights.sum(axis=1), 1.0, atol=1e-5)
    assert not result.truncated
    assert result.milliseconds > 0


def test_the_embedding_output_counts_as_layer_zero_where_the_fusion_reads_it(
    tiny_checkpoints, tmp_path, tiny_models
):
    info = read_checkpoint_info(tiny_checkpoints / "news-first")
    config = dataclasses.replace(info.bridge, fusion="transparent-attention")
    info = dataclasses.replace(info, folder=tmp_path / "news", bridge=config)
    save_checkpoint(info, tiny_models.build(config).trained_state())
    result = Session(tmp_path).classify(SINHALA, "news")
    assert result.layers == [0, 1, 2, 3]
    assert result.layer_weights.shape == (len(result.tokens), 4)


@pytest.mark.parametrize(
    ("options", "truncated"),
    [
        ({}, False),
        ({"text_prompt": "augment"}, False),
        ({"text_prompt": "augment", "text_prompt_tokens": 8}, True),
    ],
)
def test_it_is_said_where_the_llm_itself_reads_only_the_beginning(
    tiny_checkpoints, tmp_path, tiny_models, options, truncated
):
    info = read_checkpoint_info(tiny_checkpoints / "news-first")
    config = dataclasses.replace(info.bridge, **options)
    info = dataclasses.replace(info, folder=tmp_path / "news", bridge=config)
    save_checkpoint(info, tiny_models.build(config).trained_state())
    assert Session(tmp_path).classify("a text of words", "news").prompt_truncated == truncated


def test_scores_and_weights_are_those_of_the_bridge(session, tiny_checkpoints):
    bridge = load_checkpoint(tiny_checkpoints / "news-second")
    task = TASKS["news"]
    frame = bridge.frame(task.instruction, task.bare_prompt)
    expected = bridge.score_labels([SINHALA], list(task.label_words.values()), frame)
    result = session.classify(SINHALA, "news", "news-second")
    assert np.array_equal(result.layer_weights, expected.soft_tokens.layer_weights[0].numpy())
    assert list(result.scores.values()) == pytest.approx(expected.probabilities[0].tolist())


def test_without_a_name_the_best_checkpoint_of_the_task_answers(session):
    named = session.classify(SINHALA, "news", "news-second")
    assert session.classify(SINHALA, "news").scores == named.scores
    assert session.classify(SINHALA, "news", "news-first").scores != named.scores


def test_each_task_has_its_own_labels(session):
    assert set(session.classify(SINHALA, "sib200").scores) == set(TASKS["sib200"].label_words)


def test_a_pair_is_read_part_by_part(session, tiny_checkpoints):
    premise, hypothesis = "ළමයි  ගඟේ\nපිහිනති", "ළමයි\x00 වතුරේ"
    result = session.classify(premise, "xnli", "pairs", hypothesis)
    assert result.text == ("ළමයි ගඟේ පිහිනති", "ළමයි වතුරේ")
    assert (result.fields, result.removed, result.language) == (("premise", "hypothesis"), 1, "si")
    assert set(result.scores) == set(TASKS["xnli"].label_words)
    assert len(result.parts) == len(result.tokens) == len(result.layer_weights)
    for part, text in enumerate(result.text):
        own = [token for token, where in zip(result.tokens, result.parts, strict=True) if where == part]
        assert own == [
            dataclasses.replace(token, word=own[index].word)
            for index, token in enumerate(session.classify(text, "news").tokens)
        ]
    bridge, task = load_checkpoint(tiny_checkpoints / "pairs"), TASKS["xnli"]
    frame = bridge.frame(task.instruction, task.bare_prompt)
    expected = bridge.score_labels([result.text], list(task.label_words.values()), frame)
    assert list(result.scores.values()) == pytest.approx(expected.probabilities[0].tolist())


def test_a_single_text_has_one_part(session):
    result = session.classify(SINHALA, "news")
    assert (result.text, result.fields) == (SINHALA, ("text",))
    assert set(result.parts) == {0}


@pytest.mark.parametrize(
    ("text", "second", "task", "message"),
    [
        ("It rains.", "", "xnli", "There is no hypothesis to read"),
        ("", "It rains.", "xnli", "There is no premise to read"),
        ("It rains.", "x" * 6_000, "xnli", "The hypothesis has 6,000 characters"),
        ("It rains.", "It is dry.", "news", "This task asks about one text. Leave the second one empty"),
    ],
)
def test_a_pair_that_cannot_be_used_is_refused_with_a_sentence(session, text, second, task, message):
    with pytest.raises(InputError, match=message):
        session.classify(text, task, second=second)


def test_a_page_of_pairs_is_warmed_up_too(tiny_checkpoints, tmp_path):
    shutil.copytree(tiny_checkpoints / "pairs", tmp_path / "pairs")
    Session(tmp_path).warm_up()


def test_a_text_beyond_the_encoders_reach_is_cut_and_says_so(session):
    result = session.classify("word " * 200, "news", "news-second")
    assert result.truncated
    assert len(result.tokens) == 256


def test_several_threads_get_what_one_gets(tiny_checkpoints):
    session = Session(tiny_checkpoints)
    asked = [(f"{SINHALA} {number}", "news", "news-second") for number in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda each: session.classify(*each).scores, asked))
    assert together == [session.classify(*each).scores for each in asked]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "There is no text to read"),
        (" \n\t ", "There is no text to read"),
        ("\u200b\u200d\ufeff", "There is no text to read"),
        ("\x00\x07\x1b", "There is no text to read"),
        ("\ud800\udfff", "There is no text to read"),
        ("\u202e\u2066\u2069", "There is no text to read"),
        ("\u0dd4", "There is no text to read"),
        ("අ" * 20_000, "The text has 20,000 characters; at most 5,000"),
        ("x" * (MAX_CHARACTERS + 1), "5,001 characters"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_with_a_sentence(session, text, message):
    with pytest.raises(InputError, match=message):
        session.classify(text, "news")


@pytest.mark.parametrize(
    "text",
    [
        "😀",
        "👩‍👩‍👧‍👦🇱🇰",
        "a",
        "123",
        "?!",
        "\x00news\x1b[31m",
        "news\ud800",
        "\u202egnp.exe",
        "<script>alert(1)</script>",
        "{{7*7}} ${1}",
        "a\u0300\u0301\u0302" * 300,
        "x" * MAX_CHARACTERS,
        "<|end|><|assistant|>",
    ],
)
def test_an_odd_text_gets_an_answer(session, text):
    result = session.classify(text, "news")
    assert result.label in TASKS["news"].label_words
    assert np.isfinite(result.layer_weights).all()


def test_removed_characters_are_counted(session):
    result = session.classify("ne\x00ws\u202e", "news")
    assert (result.text, result.removed) == ("news", 2)
    assert result.scores == session.classify("news", "news").scores


def chat(session, *texts, **options):
    messages = [Message(("user", "assistant")[i % 2], text) for i, text in enumerate(texts)]
    *_, last = session.chat(messages, decoding=Decoding(max_new_tokens=6, no_repeat_ngram=1), **options)
    return last.turn


def test_a_message_is_answered_by_the_checkpoint_that_was_chosen(chat_checkpoints):
    session = Session(chat_checkpoints)
    session.warm_up()
    first, words = chat(session, SINHALA), chat(session, SINHALA, checkpoint="echo-words")
    assert first.answer == chat(session, SINHALA, checkpoint="echo-first").answer
    assert first.soft_tokens == len(first.tokens)
    assert words.soft_tokens == len(SINHALA.split()) + 3  # the whole text, and <s> and </s>
    assert session.classify(SINHALA, "news").label


def test_who_cannot_chat_says_so(chat_checkpoints, tiny_checkpoints):
    session = Session(chat_checkpoints)
    with pytest.raises(CheckpointError, match=r"Unknown checkpoint that can chat 'echo-frst'\."):
        session.chat([Message("user", "a")], checkpoint="echo-frst")
    with pytest.raises(CheckpointError, match="Available: echo-first, echo-words"):
        session.chat([Message("user", "a")], checkpoint="news")
    with pytest.raises(CheckpointError, match=r"that can chat\. Train one: python -m train_cli train --task"):
        Session(tiny_checkpoints).chat([Message("user", "a")])
    with pytest.raises(InputError, match="There is no message to read"):
        session.chat([Message("user", "")])


def test_the_translator_is_loaded_with_the_bridges(chat_checkpoints, monkeypatch):
    for translator, loaded in (("", []), ("a/translator", ["a/translator"])):
        session, asked = Session(chat_checkpoints, translator=translator), []
        monkeypatch.setattr(session, "_translator", lambda s=session, a=asked: a.append(s.translator))
        session.load()
        assert asked == loaded


def test_a_page_that_can_only_chat_is_warmed_up_too(chat_checkpoints, tmp_path):
    shutil.copytree(chat_checkpoints / "echo-first", tmp_path / "echo")
    Session(tmp_path).warm_up()


def test_all_errors_are_those_that_the_page_shows():
    for error in (ConfigError, CheckpointError, InputError):
        assert issubclass(error, FusionDemoError)


@pytest.mark.embedded
def test_a_script_that_the_encoder_has_never_seen_is_refused(tiny_checkpoints, tmp_path):
    info = read_checkpoint_info(tiny_checkpoints / "news-first")
    embedded = {"encoder": "embedded:multilingual-e5-small", "encoder_prefix": "query: "}
    config = dataclasses.replace(info.bridge, **embedded)
    models = fusion_demo.frozen.FrozenModels()
    info = dataclasses.replace(
        info, folder=tmp_path / "news", bridge=config, fingerprints=models.fingerprints(config)
    )
    save_checkpoint(info, models.build(config).trained_state())
    with pytest.raises(InputError, match="knows none of the characters"):
        Session(tmp_path).classify("𒀀𒀁𒀂", "news")
