import dataclasses
import json
import multiprocessing
import os
import threading

import pytest
from safetensors.torch import load

from fusion_demo.errors import ModelError
from fusion_demo.pretrained import conversion
from fusion_demo.pretrained.conversion import (
    conversion_fault,
    converted_folder,
    ensure_converted,
    model_state,
)
from fusion_demo.pretrained.fetch import source_path


@pytest.fixture
def converted(index):
    """The folder of a model that was just converted."""
    return ensure_converted(index.model)


def test_states_from_missing_to_ready(index):
    assert model_state(index.model) == "missing"
    source_path(index.model).parent.mkdir(parents=True)
    source_path(index.model).write_bytes(b"")
    assert model_state(index.model) == "to convert"
    source_path(index.model).unlink()
    ensure_converted(index.model)
    assert model_state(index.model) == "ready"


def test_the_converted_folder_and_its_manifest(index, converted, cache):
    assert converted == converted_folder(index.model) == cache / "models" / "tiny-e5"
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    manifest = json.loads((converted / "manifest.json").read_text())
    assert set(manifest["files"]) == names
    assert {path.name for path in converted.iterdir()} == names | {"manifest.json"}
    assert manifest["source_sha256"] == index.model.sha256
    assert conversion_fault(index.model, check_hashes=True) is None
    assert not (cache / "partial").exists()


def test_a_ready_model_is_neither_fetched_nor_converted_again(index, converted, monkeypatch):
    monkeypatch.setattr(conversion, "workplace", None)
    assert ensure_converted(index.model) == converted
    assert len(index.calls) == 1


def damage(folder, kind):
    weights, manifest = folder / "model.safetensors", folder / "manifest.json"
    if kind == "cut short":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif kind == "missing":
        weights.unlink()
    elif kind == "one bit":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif kind == "no manifest":
        manifest.unlink()
    elif kind == "manifest cut short":
        manifest.write_text(manifest.read_text()[:-10])
    elif kind == "manifest of another form":
        manifest.write_text('{"files": []}')
    elif kind == "older converter":
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(content | {"converter": content["converter"] - 1}))
    return folder


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("cut short", "model.safetensors of tiny-e5 is missing or cut short"),
        ("missing", "model.safetensors of tiny-e5 is missing or cut short"),
        ("no manifest", "has not been converted yet"),
        ("manifest cut short", "manifest.json of tiny-e5 is damaged"),
        ("manifest of another form", "manifest.json of tiny-e5 is damaged"),
        ("older converter", "converted from another source or by another version"),
    ],
)
def test_a_damaged_or_outdated_conversion_is_noticed_and_made_anew(index, converted, kind, fault, capsys):
    weights = load((converted / "model.safetensors").read_bytes())
    damage(converted, kind)
    assert model_state(index.model) == "damaged"
    assert fault in conversion_fault(index.model)
    ensure_converted(index.model)
    assert fault in capsys.readouterr().err
    assert conversion_fault(index.model, check_hashes=True) is None
    again = load((converted / "model.safetensors").read_bytes())
    assert all(weights[name].equal(again[name]) for name in weights)
    assert len(index.calls) == 1


def test_one_changed_bit_shows_when_hashes_are_checked(index, converted):
    damage(converted, "one bit")
    assert conversion_fault(index.model) is None
    assert "model.safetensors of tiny-e5 is damaged" in conversion_fault(index.model, check_hashes=True)


def test_another_release_of_the_weights_makes_the_conversion_outdated(index, converted):
    newer = dataclasses.replace(index.model, sha256="0" * 64)
    assert "from another source" in conversion_fault(newer)


def test_a_conversion_that_is_cut_off_leaves_nothing_under_the_final_name(index, cache, monkeypatch):
    def cut_off(model, source, folder):
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "_convert", cut_off)
        with pytest.raises(KeyboardInterrupt):
            ensure_converted(index.model)
    assert not (cache / "models").exists()
    assert model_state(index.model) == "to convert"
    assert ensure_converted(index.model).is_dir()


def test_a_source_that_went_bad_is_refused_before_it_is_converted(index, converted):
    damage(converted, "missing")
    source_path(index.model).write_bytes(b"other")
    with pytest.raises(ModelError, match="refused and removed"):
        ensure_converted(index.model)


def test_threads_that_come_together_convert_once(index):
    folders = []
    threads = [
        threading.Thread(target=lambda: folders.append(ensure_converted(index.model))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert folders == [converted_folder(index.model)] * 4
    assert len(index.calls) == 1
    assert conversion_fault(index.model, check_hashes=True) is None


def _killed_in_the_middle(model):
    """Convert in a process of its own and die without any clean-up."""

    def die(model, source, folder):
        (folder / "model.safetensors").write_bytes(b"half")
        os._exit(9)

    conversion._convert = die
    ensure_converted(model)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs os.fork")
def test_after_a_killed_process_the_next_one_starts_clean(index, cache):
    process = multiprocessing.get_context("fork").Process(target=_killed_in_the_middle, args=(index.model,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert (cache / "partial" / "tiny-e5" / "model.safetensors").read_bytes() == b"half"
    assert model_state(index.model) == "to convert"
    ensure_converted(index.model)
    assert conversion_fault(index.model, check_hashes=True) is None
    assert not (cache / "partial").exists()


def test_a_conversion_draws_no_bars_outside_a_terminal(index, capsys):
    ensure_converted(index.model)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.split()[0] for line in shown.err.splitlines()] == [
        "Fetching",
        "Taking",
        "Converting",
        "tiny-e5",
    ]
