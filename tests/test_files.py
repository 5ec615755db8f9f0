import json
import os
from pathlib import Path

import pytest

from fusion_demo.files import remove_unfinished, write_atomically, write_json, write_together


def test_the_old_file_stays_whole_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr("fusion_demo.files.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_files_that_belong_together_are_replaced_only_when_all_are_written(tmp_path, monkeypatch):
    write_together(tmp_path, {"data": b"old", "key": b"old"})
    sync, written = os.fsync, []

    def full(number):
        written.append(number)
        if len(written) == 2:
            raise OSError("no space left on device")
        sync(number)

    monkeypatch.setattr("fusion_demo.files.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_together(tmp_path, {"data": b"new", "key": b"new"})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"data": b"old", "key": b"old"}


@pytest.mark.parametrize("stopped_at", range(3))
def test_whoever_finds_the_last_of_them_finds_all(tmp_path, monkeypatch, stopped_at):
    write_together(tmp_path, {"data": b"old", "more": b"old", "key": b"old"})
    replace, replaced = Path.replace, []

    def stopped(self, target):
        if len(replaced) == stopped_at:
            raise KeyboardInterrupt
        replaced.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_together(tmp_path, {"data": b"new", "more": b"new", "key": b"new"})
    assert not (tmp_path / "key").exists()


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    for name in (".model.safetensors.abc.part", "model.safetensors", ".lock", "part"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"model.safetensors", ".lock", "part"}


def test_json_is_readable_and_keeps_its_scripts(tmp_path):
    write_json(tmp_path / "deep" / "file.json", {"name": "සිංහල"})
    text = (tmp_path / "deep" / "file.json").read_text(encoding="utf-8")
    assert "සිංහල" in text
    assert json.loads(text) == {"name": "සිංහල"}


def test_a_number_that_json_does_not_have_is_written_as_null(tmp_path):
    write_json(tmp_path / "file", {"a": [float("nan"), (1.5, float("-inf"))], "b": "NaN"})
    assert json.loads((tmp_path / "file").read_text(), parse_constant=pytest.fail) == {
        "a": [None, [1.5, None]],
        "b": "NaN",
    }
