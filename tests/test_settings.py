"""Settings of the page from the command line and the environment."""

import dataclasses

import pytest

from fusion_demo.errors import ConfigError
from fusion_demo.settings import Settings, build_parser, flag_of, read_settings, variable_of


def read(arguments=(), **environment):
    return read_settings("The page.", list(arguments), environment)


def test_without_anything_the_defaults_hold():
    assert read(HOME="/home", FUSION_DEMO_HOME="/weights") == Settings()


def test_the_command_line_wins_over_the_environment():
    settings = read(["--port", "80", "--no-mcp"], FUSION_DEMO_PORT="81", FUSION_DEMO_MCP="on")
    assert (settings.port, settings.mcp) == (80, False)
    assert read(FUSION_DEMO_PORT=" 81 ", FUSION_DEMO_SHARE="Yes").port == 81


def test_an_empty_variable_is_none():
    assert read(FUSION_DEMO_PORT="", FUSION_DEMO_MCP=" ") == Settings()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_every_setting_is_an_option_and_a_variable(name, capsys):
    value = {str: "there", int: 7, bool: True}[type(getattr(Settings(), name))]
    # Not any word will do for these.
    value = {"preset": "paper", "public_address": "https://demo.example"}.get(name, value)
    given = [flag_of(name)] if value is True else [flag_of(name), str(value)]
    assert getattr(read(given), name) == value
    assert getattr(read(**{variable_of(name): str(value)}), name) == value
    help_text = " ".join(build_parser("The page.").format_help().split())
    assert flag_of(name) in help_text
    assert f"${variable_of(name)}" in help_text


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"FUSION_DEMO_PORT": "http"}, "FUSION_DEMO_PORT must be a whole number, not 'http'"),
        ({"FUSION_DEMO_PORT": "70000"}, "'port' must be from 0 to 65,535, not 70,000"),
        ({"FUSION_DEMO_SHARE": "maybe"}, "FUSION_DEMO_SHARE must be on or off, not 'maybe'"),
        ({"FUSION_DEMO_PROT": "1"}, "Unknown environment variable 'FUSION_DEMO_PROT'. Did you mean"),
        ({"FUSION_DEMO_PRESET": "papr"}, "Unknown preset 'papr'. Did you mean 'paper'"),
        ({"FUSION_DEMO_QUEUE_LENGTH": "0"}, "'queue_length' must be from 1 to"),
        ({"FUSION_DEMO_MAX_CHARACTERS": "-1"}, "'max_characters' must be from 1 to"),
        ({"FUSION_DEMO_PUBLIC_ADDRESS": "demo.example"}, "'public_address' is 'demo.example', which is no"),
        ({"FUSION_DEMO_PUBLIC_ADDRESS": "http://a:b"}, "'public_address' is 'http://a:b', which is no"),
    ],
)
def test_a_wrong_variable_is_named(environment, message):
    with pytest.raises(ConfigError) as refused:
        read(**environment)
    assert message in str(refused.value)


def test_public_addresses_are_read_as_a_browser_reads_them():
    settings = read(FUSION_DEMO_PUBLIC_ADDRESS="https://Demo.example/page, http://[::1]:8080")
    assert settings.public_origins() == [("https", "demo.example", 443), ("http", "::1", 8080)]
    assert Settings().public_origins() == []


def test_folders_begin_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert read(FUSION_DEMO_CHECKPOINTS="~/mine").checkpoints == "/home/ann/mine"
    assert read(["--translator=~/nllb"]).translator == "/home/ann/nllb"
    with pytest.raises(ConfigError, match="home folder of a user that does not exist"):
        read(["--checkpoints", "~nobody-of-that-name"])


@pytest.mark.parametrize("arguments", [["--port", "http"], ["--prot", "1"], ["--share", "yes"]])
def test_a_wrong_option_ends_the_program_with_status_2_and_a_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        read(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_the_value_out_of_range_on_the_command_line_is_named():
    with pytest.raises(ConfigError, match="'port' must be from 0"):
        read(["--port", "-5"])
