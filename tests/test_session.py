"""What the page asks for, without the page: which checkpoints there are, and what a text's label is."""

import dataclasses
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import fusion_demo.frozen
from fusion_demo.chat import Message
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info, save_checkpoint
from fusion_demo.decoding import Decoding
from fusion_demo.errors import CheckpointError, ConfigError, FusionDemoError, InputError
from fusion_demo.input_text import MAX_CHARACTERS
from fusion_demo.session import Session
from fusion_demo.tasks import TASKS

SINHALA = "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි"


@pytest.fixture(scope="module")
def session(tiny_checkpoints):
    return Session(tiny_checkpoints)


def names(found):
    return [item.name for item in found]


def test_the_best_on_the_dev_sets_comes_first_and_the_unmeasured_last(session):
    assert names(session.checkpoints()) == ["news-second", "topics", "news-first", "pairs", "news-third"]
    assert names(session.checkpoints("news")) == ["news-second", "news-first", "news-third"]
    assert names(session.checkpoints("sib200")) == ["topics"]


def test_the_chosen_default_comes_first(tiny_checkpoints):
    chosen = Session(tiny_checkpoints, default_checkpoint="topics")
    assert names(chosen.checkpoints())[0] == "topics"
    assert names(chosen.tasks()) == ["sib200", "news", "xnli"]


def test_a_default_that_is_not_there_is_refused(tiny_checkpoints):
    with pytest.raises(CheckpointError, match="Did you mean 'news-second'"):
        Session(tiny_checkpoints, default_checkpoint="news-secnd").checkpoints()


def test_only_tasks_with_a_checkpoint_are_offered(session, tiny_checkpoints, tmp_path):
    shutil.copytree(tiny_checkpoints / "topics", tmp_path / "topics")
    assert names(session.tasks()) == ["news", "sib200", "xnli"]
    assert names(Session(tmp_path).tasks()) == ["sib200"]


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


def test_frozen_models_are_loaded_once_for_all_checkpoints(tiny_checkpoints, monkeypatch):
    loads = []
    for role in ("load_encoder", "load_llm"):
        original = getattr(fusion_demo.frozen, role)

        def counted(reference, original=original, **options):
            loads.append(reference)
            return original(reference, **options)

        monkeypatch.setattr(fusion_demo.frozen, role, counted)
    session = Session(tiny_checkpoints)
    session.warm_up()
    for checkpoint in names(session.checkpoints("news")):
        session.classify(SINHALA, "news", checkpoint)
    assert sorted(loads) == ["tiny:encoder", "tiny:llm"]


def test_a_checkpoint_trained_anew_is_loaded_anew(tiny_checkpoints, tmp_path):
    shutil.copytree(tiny_checkpoints / "news-second", tmp_path / "news")
    session = Session(tmp_path)
    before = session.classify(SINHALA, "news").scores
    state = load_checkpoint(tmp_path / "news").trained_state()
    changed = {name: value + torch.ones_like(value) for name, value in state.items()}
    save_checkpoint(read_checkpoint_info(tmp_path / "news"), changed)
    assert session.classify(SINHALA, "news").scores != before


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


@pytest.mark.parametrize(
    ("task", "checkpoint", "kind", "message"),
    [
        ("new", "", ConfigError, "Unknown task 'new'. Did you mean 'news'?"),
        ("news", "news-secon", CheckpointError, "Did you mean 'news-second'?"),
        ("news", "topics", CheckpointError, "Unknown checkpoint for the task 'news' 'topics'"),
        ("news", "../news-second", CheckpointError, "Available: news-first, news-second, news-third"),
        ("news", "\x00", CheckpointError, "Available"),
    ],
)
def test_unknown_names_are_refused_with_those_available(session, task, checkpoint, kind, message):
    with pytest.raises(kind, match=message.replace("?", r"\?")):
        session.classify(SINHALA, task, checkpoint)


def test_without_a_checkpoint_the_message_says_how_to_train_one(tmp_path):
    session = Session(tmp_path / "checkpoints")
    session.warm_up()
    assert (session.checkpoints(), session.tasks()) == ([], [])
    with pytest.raises(CheckpointError, match="python -m train_cli train --task news"):
        session.classify(SINHALA, "news")


def test_a_damaged_checkpoint_is_refused_and_the_others_still_answer(tiny_checkpoints, tmp_path):
    root = tmp_path / "checkpoints"
    shutil.copytree(tiny_checkpoints, root)
    (root / "news-first" / "model.safetensors").write_bytes(b"no tensors")
    session = Session(root)
    with pytest.raises(CheckpointError, match="news-first"):
        session.classify(SINHALA, "news", "news-first")
    assert session.classify(SINHALA, "news", "news-second").label


def test_the_checkpoints_that_can_chat_are_a_list_of_their_own(chat_checkpoints, tiny_checkpoints):
    session = Session(chat_checkpoints)
    assert names(session.chat_checkpoints()) == ["echo-first", "echo-words"]
    assert names(session.checkpoints()) == ["news"]
    chosen = Session(chat_checkpoints, default_checkpoint="echo-words")
    assert names(chosen.chat_checkpoints()) == ["echo-words", "echo-first"]
    assert Session(tiny_checkpoints).chat_checkpoints() == []


def test_what_was_trained_to_chat_comes_before_echoes_and_a_smaller_loss_first(write_checkpoint, tmp_path):
    for name, task, loss in (
        ("a", "echo", 0.1),
        ("b", "chat", None),
        ("c", "chat", 0.9),
        ("d", "chat", 0.8),
    ):
        write_checkpoint(tmp_path / name, fusion="last-layer", task=task, loss=loss)
    assert names(Session(tmp_path).chat_checkpoints()) == ["d", "c", "b", "a"]


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
