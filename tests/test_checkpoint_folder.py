"""Which checkpoints a session finds in its folder, in which order, and when they are loaded."""

import dataclasses
import shutil

import pytest
import torch

import fusion_demo.checkpoint_folder
import fusion_demo.frozen
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info, save_checkpoint
from fusion_demo.checkpoint_folder import CheckpointFolder
from fusion_demo.errors import CheckpointError, ConfigError
from fusion_demo.frozen import FrozenModels
from fusion_demo.session import Session

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
        Session(tiny_checkpoints, default_checkpoint="news-secnd").check_checkpoints()


@pytest.fixture
def mixed(tiny_checkpoints, tmp_path):
    """Two checkpoints of the tiny preset, one of them between another LLM, and one that chats."""
    for name in ("news-first", "news-second"):
        shutil.copytree(tiny_checkpoints / name, tmp_path / name)
    config = tmp_path / "news-second" / "config.json"
    config.write_text(config.read_text().replace("tiny:llm", "some/other-llm"))
    return tmp_path


def test_a_preset_offers_the_checkpoints_between_its_models_alone(mixed):
    assert names(Session(mixed).checkpoints()) == ["news-second", "news-first"]
    session = Session(mixed, preset="tiny")
    session.check_checkpoints()
    assert names(session.checkpoints()) == ["news-first"]
    assert session.classify("news", "news").checkpoint == "news-first"
    with pytest.raises(CheckpointError, match=r"'news-second'. Available: news-first\.$"):
        session.classify("news", "news", "news-second")
    with pytest.raises(CheckpointError, match="'news-second'"):
        Session(mixed, preset="tiny", default_checkpoint="news-second").check_checkpoints()


def test_a_preset_chooses_those_that_chat_too(chat_checkpoints):
    assert names(Session(chat_checkpoints, preset="tiny").chat_checkpoints()) == ["echo-first", "echo-words"]
    assert Session(chat_checkpoints, preset="paper").chat_checkpoints() == []


def test_a_preset_without_a_checkpoint_and_an_unknown_one_are_refused(mixed):
    with pytest.raises(CheckpointError) as error:
        Session(mixed, preset="paper").check_checkpoints()
    assert str(error.value) == (
        f"No checkpoint in {mixed.name}/ is between the models of the preset 'paper'. Train one: "
        f"python -m train_cli train --preset paper --task news --data FOLDER --output {mixed.name}/NAME; "
        "or leave the preset out."
    )
    with pytest.raises(ConfigError, match="Did you mean 'paper'"):
        Session(mixed, preset="papr")


def test_only_tasks_with_a_checkpoint_are_offered(session, tiny_checkpoints, tmp_path):
    shutil.copytree(tiny_checkpoints / "topics", tmp_path / "topics")
    assert names(session.tasks()) == ["news", "sib200", "xnli"]
    assert names(Session(tmp_path).tasks()) == ["sib200"]


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


def test_all_can_be_loaded_before_anybody_asks(chat_checkpoints, monkeypatch):
    loads = []
    original = fusion_demo.checkpoint_folder.load_checkpoint

    def counted(folder, **options):
        loads.append(folder.name)
        return original(folder, **options)

    monkeypatch.setattr(fusion_demo.checkpoint_folder, "load_checkpoint", counted)
    session = Session(chat_checkpoints)
    session.load()
    assert sorted(loads) == ["echo-first", "echo-words", "news"]
    session.warm_up()
    assert len(loads) == 3


def test_a_damaged_checkpoint_is_refused_when_all_are_loaded(tiny_checkpoints, tmp_path):
    root = tmp_path / "checkpoints"
    shutil.copytree(tiny_checkpoints, root)
    (root / "topics" / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match="topics"):
        Session(root).load()


def test_a_checkpoint_trained_anew_is_loaded_anew(tiny_checkpoints, tmp_path):
    shutil.copytree(tiny_checkpoints / "news-second", tmp_path / "news")
    session = Session(tmp_path)
    before = session.classify(SINHALA, "news").scores
    state = load_checkpoint(tmp_path / "news").trained_state()
    changed = {name: value + torch.ones_like(value) for name, value in state.items()}
    save_checkpoint(read_checkpoint_info(tmp_path / "news"), changed)
    assert session.classify(SINHALA, "news").scores != before


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


def test_an_echo_that_is_answered_comes_first_and_of_each_task_the_smaller_loss(write_checkpoint, tmp_path):
    for name, task, loss in (
        ("a", "echo", 0.1),
        ("b", "chat", None),
        ("c", "chat", 0.9),
        ("d", "chat", 0.8),
    ):
        write_checkpoint(tmp_path / name, fusion="last-layer", task=task, loss=loss)
    assert names(Session(tmp_path).chat_checkpoints()) == ["a", "d", "c", "b"]


def test_a_chat_is_understood_by_an_echo_between_the_same_models(write_checkpoint, tmp_path):
    write_checkpoint(tmp_path / "chat", fusion="last-layer", task="chat")
    write_checkpoint(tmp_path / "echo", fusion="last-layer", task="echo")
    info = read_checkpoint_info(tmp_path / "echo")
    of_before = {role: info.fingerprints[role] for role in ("encoder", "llm")}  # those of an older version
    info = dataclasses.replace(info, fingerprints=of_before)
    save_checkpoint(info, load_checkpoint(tmp_path / "echo").trained_state())
    folder = CheckpointFolder(tmp_path, FrozenModels())
    bridges = folder.load_chat(folder.find_chat("chat"))
    assert (bridges.echo.checkpoint, bridges.chat.checkpoint, bridges.checkpoint) == ("echo", "chat", "chat")
