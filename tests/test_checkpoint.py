import dataclasses
import json

import pytest
import torch

from fusion_demo.checkpoint import (
    SHAPING_OPTIONS,
    find_checkpoints,
    list_checkpoints,
    load_checkpoint,
    read_checkpoint_info,
    save_checkpoint,
    start_from,
    update_metrics,
)
from fusion_demo.config import FUSION_NAMES, BridgeConfig, option_names
from fusion_demo.errors import CheckpointError
from fusion_demo.tensors import write_tensors

LABELS = ["sports", "arts"]


@pytest.fixture
def folder(tiny_checkpoints, tmp_path):
    """A checkpoint that a test may spoil."""
    copy = tmp_path / "news-second"
    copy.mkdir()
    for file in (tiny_checkpoints / "news-second").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def scores(bridge):
    frame = bridge.frame("Which topic?", "Category: ")
    return bridge.score_labels(["good day", "ලංකා"], LABELS, frame).log_likelihoods


def rewrite(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def save_again(folder, models, **changes):
    """Save a checkpoint's own tensors under other facts."""
    tensors = load_checkpoint(folder, models).trained_state()
    save_checkpoint(dataclasses.replace(read_checkpoint_info(folder), **changes), tensors)


@pytest.mark.parametrize("fusion", FUSION_NAMES)
def test_a_saved_bridge_gives_the_same_scores_when_loaded(
    make_bridge, tiny_models, tmp_path, tiny_checkpoints, fusion
):
    bridge = make_bridge(seed=5, sentence_tokens=1, fusion=fusion)
    info = read_checkpoint_info(tiny_checkpoints / "news-second")
    info = dataclasses.replace(info, folder=tmp_path / "saved", bridge=bridge.config)
    save_checkpoint(info, bridge.trained_state())
    loaded = load_checkpoint(tmp_path / "saved", tiny_models)
    assert torch.equal(scores(loaded), scores(bridge))
    assert (loaded.checkpoint, bridge.checkpoint) == ("saved", "")
    assert read_checkpoint_info(tmp_path / "saved") == info
    assert sorted(p.name for p in (tmp_path / "saved").iterdir()) == [
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
    ]


def test_bridges_share_the_frozen_models(tiny_checkpoints, tiny_models):
    first = load_checkpoint(tiny_checkpoints / "news-first", tiny_models)
    second = load_checkpoint(tiny_checkpoints / "news-second", tiny_models)
    assert first.llm is second.llm
    assert first.encoder.model is second.encoder.model


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "metrics.json"])
def test_a_missing_file_is_named(folder, tiny_models, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{name} is missing. Copy the checkpoint again"):
        load_checkpoint(folder, tiny_models)


def test_a_missing_folder_says_how_to_train_one(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint folder.*train_cli train --output"):
        read_checkpoint_info(tmp_path / "nowhere")


@pytest.mark.parametrize("keep", [0, 7, 50, 1000, -1])
def test_a_truncated_file_is_refused(folder, tiny_models, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        load_checkpoint(folder, tiny_models)


def test_a_flipped_bit_is_refused(folder, tiny_models):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged: its tensors are not those written"):
        load_checkpoint(folder, tiny_models)


@pytest.mark.parametrize("role", ["encoder", "llm"])
def test_other_frozen_models_are_refused(folder, tiny_models, role):
    fingerprints = read_checkpoint_info(folder).fingerprints | {role: "0" * 64}
    save_again(folder, tiny_models, fingerprints=fingerprints)
    here = tiny_models.fingerprints(read_checkpoint_info(folder).bridge)[role]
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(folder, tiny_models)
    assert str(error.value) == (
        f"{folder} was trained with another {role} than 'tiny:{role}' is here (fingerprint 000000000000, "
        f"here {here[:12]}). Fetch that model again (`python -m train_cli models fetch`), or train for this "
        "one."
    )


def test_a_bridge_starts_from_the_tensors_of_another_with_another_prompt(
    tiny_checkpoints, tiny_models, make_bridge
):
    source = load_checkpoint(tiny_checkpoints / "news-second", tiny_models)
    bridge = make_bridge(seed=9, text_prompt="augment", prompt_form="bare", max_text_tokens=20)
    start_from(tiny_checkpoints / "news-second", bridge, tiny_models.fingerprints(bridge.config))
    assert bridge.trained_state().keys() == source.trained_state().keys()
    for name, value in source.trained_state().items():
        assert torch.equal(bridge.trained_state()[name], value), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"fusion": "global-softmax"},
            "fusion 'transformer-softmax', and this training has 'global-softmax'",
        ),
        ({"fusion_heads": 4}, r"fusion_heads 2, and this training has 4. Give the same --fusion-heads"),
        ({"fusion_feedforward": 1.0}, "fusion_feedforward 2.0, and this training has 1.0"),
        ({"projection": "mlp"}, "projection 'linear', and this training has 'mlp'"),
        ({"projection_norm": False}, "projection_norm True, and this training has False"),
    ],
)
def test_a_bridge_of_other_shape_cannot_start_from_it(
    tiny_checkpoints, tiny_models, make_bridge, options, message
):
    bridge = make_bridge(**options)
    before = {name: value.clone() for name, value in bridge.trained_state().items()}
    with pytest.raises(CheckpointError, match=message):
        start_from(tiny_checkpoints / "news-second", bridge, tiny_models.fingerprints(bridge.config))
    assert all(torch.equal(bridge.trained_state()[name], value) for name, value in before.items())


@pytest.mark.parametrize("role", ["encoder", "llm"])
def test_a_bridge_of_other_frozen_models_cannot_start_from_it(
    tiny_checkpoints, tiny_models, make_bridge, role
):
    bridge = make_bridge()
    fingerprints = tiny_models.fingerprints(bridge.config) | {role: "0" * 64}
    with pytest.raises(CheckpointError, match=f"trained with another {role}: .* Give the same --{role}"):
        start_from(tiny_checkpoints / "news-second", bridge, fingerprints)


def test_every_option_that_shapes_a_tensor_is_compared(make_bridge):
    """An option of the bridge either leaves the trained tensors' names and shapes alone, or is listed."""
    changes = {
        "fusion": "global-softmax",
        "fusion_blocks": 2,
        "fusion_heads": 4,
        "fusion_feedforward": 1.0,
        "fusion_dropout": 0.5,
        "fusion_slope": 0.5,
        "projection": "mlp",
        "projection_norm": False,
        "soft_token_unit": "word",
        "sentence_tokens": 1,
        "sentence_states": "last-layer",
        "relation_token": True,
        "relation_states": "attention",
        "prompt_form": "bare",
        "text_prompt": "augment",
        "text_prompt_tokens": 7,
        "max_text_tokens": 20,
        "encoder_prefix": "query: ",
        "template_arguments": "{}",
    }
    given = {
        "encoder",
        "llm",
        "projection_width",
        "sentence_queries",
        "sentence_width",
        "encoder_language",
    }  # the models' fingerprints are compared; mlp, a map for sentences and NLLB's kin alone have the others
    assert set(changes) | given >= set(option_names(BridgeConfig))

    def shapes(**options):
        return {name: tuple(value.shape) for name, value in make_bridge(**options).trained_state().items()}

    for name, value in changes.items():
        if shapes(**{name: value}) != shapes():
            assert name in SHAPING_OPTIONS


def test_a_map_for_sentences_stays_as_it_is_where_the_checkpoint_has_none(folder, tiny_models, make_bridge):
    bridge = make_bridge(seed=9, sentence_tokens=3)
    before = bridge.sentence.output.weight.clone()
    start_from(folder, bridge, tiny_models.fingerprints(bridge.config))
    saved = load_checkpoint(folder, tiny_models).trained_state()
    assert all(torch.equal(bridge.trained_state()[name], value) for name, value in saved.items())
    assert torch.equal(bridge.sentence.output.weight, before)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["bridge"].update(soft_token_unit="word"),  # the tensors would fit
        lambda c: c["bridge"].update(fusion_blocks=10**9),  # never built
        lambda c: c.update(task="sib200"),
        lambda c: c["training"].update(seed=1),
    ],
)
def test_a_config_that_was_changed_is_refused(folder, tiny_models, make_bridge, change):
    rewrite(folder / "config.json", change)
    with pytest.raises(CheckpointError, match=r"config\.json is not the one that .* was saved with"):
        load_checkpoint(folder, tiny_models)
    bridge = make_bridge()
    with pytest.raises(CheckpointError, match=r"config\.json is not the one that .* was saved with"):
        start_from(folder, bridge, tiny_models.fingerprints(bridge.config))


def test_a_config_that_was_changed_after_it_was_saved_again_is_refused(folder, tiny_models):
    save_again(folder, tiny_models, task="sib200")
    load_checkpoint(folder, tiny_models)
    rewrite(folder / "config.json", lambda c: c.update(task="news"))
    with pytest.raises(CheckpointError, match="is not the one that"):
        load_checkpoint(folder, tiny_models)


def test_a_config_in_another_form_is_the_same(folder, tiny_models):
    rewrite(folder / "config.json", lambda c: c.update(bridge=dict(reversed(c["bridge"].items()))))
    load_checkpoint(folder, tiny_models)


def test_tensors_from_before_the_note_are_read(folder, tiny_models):
    tensors = load_checkpoint(folder, tiny_models).trained_state()
    write_tensors(folder / "model.safetensors", tensors)
    assert torch.equal(
        load_checkpoint(folder, tiny_models).projection.boundary, tensors["projection.boundary"]
    )


def test_a_config_of_another_shape_is_refused(folder, tiny_models):
    bridge = dataclasses.replace(read_checkpoint_info(folder).bridge, fusion_feedforward=3.0)
    save_again(folder, tiny_models, bridge=bridge)
    with pytest.raises(CheckpointError, match=r"has shape .* but the bridge needs"):
        load_checkpoint(folder, tiny_models)


def test_a_config_of_another_fusion_is_refused(folder, tiny_models):
    bridge = dataclasses.replace(read_checkpoint_info(folder).bridge, fusion="global-softmax")
    save_again(folder, tiny_models, bridge=bridge)
    with pytest.raises(CheckpointError, match=r"an unknown tensor|lacks the tensor"):
        load_checkpoint(folder, tiny_models)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format_version=99), "format version 99; this program reads 1"),
        (lambda c: c.pop("task"), "lacks or has too many of these keys: task"),
        (lambda c: c.update(extra=1), "these keys: extra"),
        (lambda c: c.update(task=3), "value of the wrong type"),
        (lambda c: c["bridge"].update(fusions="x"), "Unknown option 'fusions'. Did you mean 'fusion'"),
        (lambda c: c["bridge"].update(fusion_heads="two"), "'fusion_heads' takes int"),
        (lambda c: c["training"].update(seed="two"), "'seed' takes int"),
        (lambda c: c.update(command=3), "value of the wrong type"),
        (lambda c: c.update(extra=c.pop("task")), "these keys: extra, task"),
    ],
)
def test_an_edited_config_is_refused(folder, change, message):
    rewrite(folder / "config.json", change)
    with pytest.raises(CheckpointError, match=message) as error:
        read_checkpoint_info(folder)
    assert str(error.value).startswith(str(folder / "config.json"))


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\ud800"])
def test_what_is_no_json_object_is_refused(folder, content):
    (folder / "config.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(CheckpointError, match=r"not valid JSON|JSON object"):
        read_checkpoint_info(folder)


def test_a_huge_json_file_is_not_read(folder):
    (folder / "metrics.json").write_text(" " * 5_000_000)
    with pytest.raises(CheckpointError, match="too large"):
        read_checkpoint_info(folder)


def test_checkpoints_are_listed_by_name(tiny_checkpoints, tmp_path):
    names = [info.name for info in list_checkpoints(tiny_checkpoints)]
    assert names == ["news-first", "news-second", "news-third", "pairs", "topics"]
    assert list_checkpoints(tmp_path / "nowhere") == []


def test_damaged_folders_are_named_with_what_is_wrong_and_hidden_ones_passed_over(folder):
    damaged, hidden = folder.parent / "damaged", folder.parent / ".half-written"
    for other in (damaged, hidden):
        other.mkdir()
        (other / "config.json").write_text("{}")
    found, wrong = find_checkpoints(folder.parent)
    assert [info.name for info in found] == ["news-second"]
    assert list(wrong) == ["damaged"]
    assert isinstance(wrong["damaged"], CheckpointError)
    assert find_checkpoints(folder.parent / "nowhere") == ([], {})


def test_an_evaluation_is_recorded_with_its_table_on_the_card(folder):
    report = {
        "task": "news",
        "split": "test",
        "command": "python -m train_cli evaluate …",
        "languages": {"si": {"accuracy": 0.75, "n": 400, "interval": [0.70, 0.79]}},
        "mean": 0.75,
    }
    update_metrics(folder, "test", report)
    assert read_checkpoint_info(folder).metrics["test"] == report
    assert "| Sinhala | 75.0 | 70.0 - 79.0 | 400 |" in (folder / "README.md").read_text()


@pytest.mark.parametrize("role", ["encoder", "llm"])
def test_nothing_is_saved_that_was_trained_between_random_models(folder, tmp_path, role):
    info = read_checkpoint_info(folder)
    bridge = dataclasses.replace(info.bridge, **{role: "random:mt5-large"})
    info = dataclasses.replace(info, folder=tmp_path / "new", bridge=bridge)
    with pytest.raises(CheckpointError) as error:
        save_checkpoint(info, {})
    assert str(error.value) == (
        "The weights of 'random:mt5-large' are random: it is there for `train --dry-run` and for benchmarks "
        "only. Name the real model, such as google/mt5-large and meta-llama/Llama-3.2-1B-Instruct, to train "
        "a checkpoint."
    )
    assert not (tmp_path / "new").exists()


def test_a_changed_chat_template_is_noticed_and_old_checkpoints_are_not_asked(folder, tiny_models):
    known = read_checkpoint_info(folder).fingerprints
    save_again(folder, tiny_models, fingerprints={role: known[role] for role in ("encoder", "llm")})
    load_checkpoint(folder, tiny_models)
    save_again(folder, tiny_models, fingerprints=known | {"llm_input": "0" * 64})
    with pytest.raises(
        CheckpointError, match="the chat template, the rules or the special tokens were changed"
    ):
        load_checkpoint(folder, tiny_models)
