import threading
from pathlib import Path

import platformdirs
import pytest

from fusion_demo.errors import ModelError
from fusion_demo.pretrained.cache import cache_folder, file_sha256, workplace


def test_the_variable_names_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSION_DEMO_HOME", str(tmp_path / "weights"))
    assert cache_folder() == tmp_path / "weights"


def test_a_tilde_in_the_variable_means_the_home_folder(monkeypatch):
    monkeypatch.setenv("FUSION_DEMO_HOME", "~/weights")
    assert cache_folder() == Path.home() / "weights"


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_platform_chooses(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("FUSION_DEMO_HOME", raising=False)
    else:
        monkeypatch.setenv("FUSION_DEMO_HOME", value)
    assert cache_folder() == Path(platformdirs.user_cache_dir("fusion-demo", appauthor=False))


def test_the_workplace_is_empty_although_a_killed_process_left_something(cache):
    stale = cache / "partial" / "half"
    stale.mkdir(parents=True)
    (stale / "model.safetensors").write_bytes(b"half")
    with workplace() as partial:
        assert list(partial.iterdir()) == []


def test_the_workplace_is_removed_after_an_error(cache):
    def interrupted_work():
        with workplace() as partial:
            (partial / "half").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_work()
    assert not (cache / "partial").exists()


def test_the_second_to_come_waits_for_the_first(cache, capsys):
    order = []
    inside, leave = threading.Event(), threading.Event()

    def first():
        with workplace() as partial:
            (partial / "work").write_bytes(b"of the first")
            inside.set()
            leave.wait(30)
            assert (partial / "work").read_bytes() == b"of the first"
            order.append("first")

    def second():
        with workplace() as partial:
            order.append("second")
            assert list(partial.iterdir()) == []

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    assert inside.wait(30)
    two.start()
    two.join(0.3)
    assert order == []
    leave.set()
    one.join(30)
    two.join(30)
    assert order == ["first", "second"]
    assert "Another process is working" in capsys.readouterr().err


def test_a_cache_folder_that_cannot_be_made_is_refused(cache):
    cache.write_bytes(b"a file stands where the folder should")
    with pytest.raises(ModelError, match="Set FUSION_DEMO_HOME to a folder that can be"), workplace():
        pass


def test_a_full_disk_is_refused(cache):
    with pytest.raises(ModelError, match=r"No space left.*2 GB free"), workplace():
        raise OSError(28, "No space left on device")


def test_sha256_of_the_standards_example(tmp_path):
    """FIPS 180-2, appendix B.1: the message "abc"."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
