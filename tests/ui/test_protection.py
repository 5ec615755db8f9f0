"""Where uploads and downloads are kept; tests/test_attacks.py asks the protected server itself."""

import atexit
import tempfile
from pathlib import Path

import pytest

from fusion_demo.settings import Settings
from fusion_demo.ui.protection import FILES_FOLDER, comes_from_another_site, keep_files_private


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


PUBLIC = Settings(public_address="http://demo.example:8080, https://demo.example").public_origins()


@pytest.mark.parametrize(
    ("origin", "headers", "own"),
    [
        ("http://demo.example", {"host": "demo.example"}, True),
        ("http://demo.example:80", {"host": "demo.example"}, True),
        ("http://demo.example", {"host": "DEMO.example:80"}, True),
        ("https://demo.example", {"host": "demo.example:443"}, True),
        ("https://demo.example", {"host": "demo.example"}, True),
        ("http://[::1]:7860", {"host": "[::1]:7860"}, True),
        ("http://demo.example:8080", {"host": "inner", "x-forwarded-host": "demo.example:8080"}, True),
        ("http://demo.example:8080", {"host": "demo.example", "x-forwarded-port": "8080"}, True),
        ("https://demo.example", {"host": "inner", "x-forwarded-host": "a.example ,demo.example"}, True),
        ("https://demo.example", {"host": "demo.example", "x-forwarded-proto": "http"}, True),
        ("http://demo.example", {"host": "demo.example", "x-forwarded-proto": "https"}, False),
        ("http://demo.example:8080", {"host": "demo.example"}, False),
        ("http://demo.example:81", {"host": "demo.example:80"}, False),
        ("http://demo.example", {"host": "demo.example:443"}, False),
        ("http://demo.example.evil", {"host": "demo.example"}, False),
        ("http://evil.example", {"host": "demo.example", "x-forwarded-host": ""}, False),
        ("ftp://demo.example", {"host": "demo.example"}, False),
        ("null", {"host": "null"}, False),
        ("", {"host": ""}, False),
        ("http://a:b", {"host": "a:b"}, False),
    ],
)
def test_an_origin_is_the_pages_own_if_scheme_host_and_port_are(origin, headers, own):
    assert comes_from_another_site("GET", {"origin": origin, **headers}) is not own


def test_a_page_behind_a_proxy_that_drops_its_port_is_told_its_address():
    asked = {"host": "demo.example"}
    assert not comes_from_another_site("GET", {**asked, "origin": "http://demo.example:8080"}, PUBLIC)
    assert not comes_from_another_site("GET", {"host": "inner", "origin": "https://demo.example"}, PUBLIC)
    assert comes_from_another_site("GET", {**asked, "origin": "http://demo.example:8081"}, PUBLIC)
    assert comes_from_another_site("GET", {**asked, "origin": "http://evil.example:8080"}, PUBLIC)
    refused = {"origin": "http://demo.example:8080", "sec-fetch-site": "same-site"}
    assert comes_from_another_site("GET", {**asked, **refused}, PUBLIC)
