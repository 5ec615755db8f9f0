"""Where uploads and downloads are kept; tests/test_attacks.py asks the protected server itself."""

import atexit
import tempfile
from pathlib import Path

import pytest

from fusion_demo.ui.protection import FILES_FOLDER, keep_files_private


@pytest.fixture
def at_exit(monkeypatch, tmp_path):
    """What is left to be done when the process ends; temporary folders are made in the test's own."""
    left = []
    monkeypatch.setattr(atexit, "register", lambda *call, **options: left.append((call, options)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return left


@pytest.mark.parametrize("environment", [{}, {FILES_FOLDER: ""}])
def test_files_get_a_folder_that_is_the_processs_own_and_ends_with_it(environment, at_exit, tmp_path):
    keep_files_private(environment)
    folder = Path(environment[FILES_FOLDER])
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "upload.csv").write_text("text")
    (((remove, *arguments), options),) = at_exit
    remove(*arguments, **options)
    assert not folder.exists()


def test_a_folder_that_the_environment_names_stays(at_exit, tmp_path):
    environment = {FILES_FOLDER: str(tmp_path / "mine")}
    keep_files_private(environment)
    assert environment == {FILES_FOLDER: str(tmp_path / "mine")}
    assert at_exit == []
