import json

import pytest

from fusion_demo.files import write_atomically, write_json


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


def test_json_is_readable_and_keeps_its_scripts(tmp_path):
    write_json(tmp_path / "deep" / "file.json", {"name": "සිංහල"})
    text = (tmp_path / "deep" / "file.json").read_text(encoding="utf-8")
    assert "සිංහල" in text
    assert json.loads(text) == {"name": "සිංහල"}
