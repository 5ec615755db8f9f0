"""What holds for every command."""

import pytest

from train_cli.__main__ import main


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "--checkpoint=~/none"],
        ["layers", "--checkpoint=~/none", "--data=~/data"],
        ["compare", "~/none", "~/none"],
        ["train", "--config=~/none", "--output=x"],
        ["results", "--checkpoints=~/none", "--metrics=~/none", "--output=~"],
    ],
)
def test_every_path_begins_in_the_home_folder(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    try:
        status = main(command)
    except SystemExit as ended:  # argparse's own refusal
        status = ended.code
    assert status == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_home_folder_that_does_not_exist_is_named(capsys):
    assert main(["evaluate", "--checkpoint", "~nobody-of-that-name/x"]) == 2
    assert "error: '~nobody-of-that-name/x' begins with the home folder of a user" in capsys.readouterr().err
