"""How trainings are compared; what several processes learn is tested in tests/train_cli/test_processes.py."""

import json

import pytest

from train_cli.__main__ import main
from train_cli.benchmark import processes
from train_cli.benchmark.processes import largest_difference, rate

TINY = ("--encoder=tiny:encoder", "--llm=tiny:llm", "--batch-size=2", "--updates=20", "--repeats=2")


def lines(seconds, losses):
    return [
        {"update": 10 * (number + 1), "seconds": second, "loss": loss}
        for number, (second, loss) in enumerate(zip(seconds, losses, strict=True))
    ]


def test_the_updates_before_the_first_line_do_not_count():
    assert rate(lines([100.0, 110.0, 120.0], [1, 1, 1]), batch_size=16) == 16.0  # 320 examples in 20 seconds


def test_the_largest_difference_is_between_any_two_trainings_at_one_update():
    trainings = [lines([1, 2], losses) for losses in ([2.0, 1.0], [2.25, 1.0], [2.0, 1.125])]
    assert largest_difference(trainings) == 0.25


@pytest.fixture
def news(tmp_path):
    folder = tmp_path / "news"
    folder.mkdir()
    for split, rows in (("train", 40), ("dev", 3)):
        told = [{"text": f"story {i}", "label": ("sports", "politics")[i % 2]} for i in range(rows)]
        (folder / f"{split}.en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    return folder


def run(tmp_path, *options):
    output = tmp_path / "benchmark-processes.json"
    status = main(["benchmark", "processes", f"--output={output}", *TINY, *options])
    return status, json.loads(output.read_text(encoding="utf-8")) if output.exists() else None


def test_one_process_and_two_are_compared(tmp_path, news):
    status, report = run(tmp_path, f"--data={news}")
    assert status == 0
    assert [row["processes"] for row in report["rates"]] == [1, 2]
    assert all(row["examples_per_second"]["median"] > 0 for row in report["rates"])
    assert report["rates"][0]["ratio"]["ratio"] == 1
    assert report["largest_difference"] < 1e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--processes=1,3",), "2 examples cannot be shared evenly by 3 processes"),
        (("--updates=10",), "Give --updates a multiple of 10, at least 20."),
        (("--updates=25",), "Give --updates a multiple of 10, at least 20."),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_trained(
    tmp_path, monkeypatch, capsys, options, message
):
    monkeypatch.setattr(processes, "train", lambda *_: pytest.fail("it was trained"))
    assert run(tmp_path, *options)[0] == 2
    assert message in capsys.readouterr().err


def test_a_training_that_fails_is_told_with_its_reason_and_command(tmp_path, news, capsys):
    (news / "train.en.jsonl").unlink()
    assert run(tmp_path, f"--data={news}")[0] == 2
    said = capsys.readouterr().err
    assert "A training with --nproc_per_node 1 failed: " in said
    assert "holds no train.<language>.jsonl" in said.partition("Try it by hand")[0]
    assert "-m train_cli train --task news" in said
