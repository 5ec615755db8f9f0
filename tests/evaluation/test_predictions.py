import dataclasses
import json

import pytest

from fusion_demo.errors import DataError
from fusion_demo.evaluation.predictions import (
    PredictionRow,
    RunDescription,
    open_run,
    read_run,
)

DESCRIPTION = RunDescription(
    system="news-first",
    task="mood",
    split="test",
    seed=0,
    max_examples=3,
    scores=("likelihood", "generation"),
    labels=("pos", "neg"),
    details={"weights_sha256": "12", "dtype": "float32"},
    data={"si": {"rows": 3, "sha256": "ab"}},
    command="python -m train_cli evaluate",
)
ROWS = [
    PredictionRow(row=2, gold="pos", label="pos", log_likelihoods=(-0.5, -1.25), answer="good"),
    PredictionRow(row=5, gold="pos", label="neg", log_likelihoods=(-3.0, -0.1), answer="මොකක්ද\u2028?"),
    PredictionRow(row=9, gold="neg", label="pos", log_likelihoods=(-1.0, -1.0), answer=None),
]


def described(**changes):
    return dataclasses.replace(DESCRIPTION, **changes)


@pytest.fixture
def folder(tmp_path):
    """A finished run of one language."""
    with open_run(tmp_path / "run", DESCRIPTION) as run:
        run.append("si", ROWS)
    return tmp_path / "run"


def test_a_run_comes_back_as_it_was_written(folder):
    run = read_run(folder)
    assert run.description == DESCRIPTION
    assert run.languages == {"si": ROWS}
    assert run.folder == folder


def test_a_line_holds_the_agreed_fields_and_no_text_of_the_data(folder):
    first = json.loads((folder / "si.jsonl").read_bytes().split(b"\n")[0])
    assert first == {
        "row": 2,
        "gold": "pos",
        "label": "pos",
        "log_likelihoods": [-0.5, -1.25],
        "answer": "good",
    }


def test_a_stop_at_any_byte_of_a_line_costs_that_line_alone(folder):
    path = folder / "si.jsonl"
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, whole.index(b"\n", first) + 1):
        path.write_bytes(whole[:end])
        with open_run(folder, DESCRIPTION) as run:
            assert run.finished("si") == ROWS[:1]
            run.append("si", ROWS[1:])
        assert path.read_bytes() == whole


def test_a_language_not_begun_has_no_rows(folder):
    with open_run(folder, DESCRIPTION) as run:
        assert run.finished("ta") == []


def test_languages_may_be_added_and_stay(folder):
    with open_run(folder, described(data={"ta": {"rows": 1, "sha256": "cd"}}, command="another")) as run:
        run.append("ta", ROWS[:1])
    run = read_run(folder)
    assert list(run.languages) == ["si", "ta"]
    assert run.description.command == "another"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"system": "news-second"}, "system was 'news-first', is 'news-second'"),
        ({"seed": 1}, "seed was 0, is 1"),
        ({"max_examples": 0}, "max_examples was 3, is 0"),
        ({"scores": ("likelihood",)}, r"scores was \['likelihood', 'generation'\], is \['likelihood'\]"),
        ({"labels": ("neg", "pos")}, "labels was"),
        ({"details": {"weights_sha256": "13", "dtype": "float32"}}, "weights_sha256 was '12', is '13'"),
        ({"details": {"weights_sha256": "12"}}, "dtype was 'float32', is None"),
        ({"data": {"si": {"rows": 3, "sha256": "cd"}}}, "the texts in 'si' are others"),
        ({"seed": 1, "split": "dev"}, r": seed was 0, is 1; split was 'test', is 'dev'\."),
    ],
)
def test_another_run_is_refused_with_what_differs_and_what_to_do(folder, changes, reason):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(DataError, match=reason) as error, open_run(folder, described(**changes)):
        pass
    assert "Name another folder with --predictions, or remove this one: rm -r" in str(error.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_only_one_process_writes_to_a_run(folder):
    with (
        open_run(folder, DESCRIPTION),
        pytest.raises(DataError, match="Another process is writing"),
        open_run(folder, DESCRIPTION),
    ):
        pass
    with open_run(folder, DESCRIPTION):
        pass


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds files, but no run\.json"), open_run(tmp_path, DESCRIPTION):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(DataError, match="is a file"), open_run(tmp_path / "notes.txt", DESCRIPTION):
        pass


def test_an_unfinished_run_is_not_read(folder):
    path = folder / "si.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        DataError, match=r"holds 2 of 3 rows: the evaluation was stopped\. Go on with it: python"
    ):
        read_run(folder)
    path.unlink()
    with pytest.raises(DataError, match="holds 0 of 3 rows"):
        read_run(folder)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "null",
        '{"row": 1}',
        '{"row": 1, "gold": "pos", "label": "pos", "log_likelihoods": [-1.0], "answer": null}',
        '{"row": 1, "gold": "pos", "label": "pos", "log_likelihoods": [-1.0, NaN], "answer": null}',
        '{"row": 1, "gold": "pos", "label": "pos", "log_likelihoods": [-1.0, "a"], "answer": null}',
        '{"row": 1, "gold": "joy", "label": "pos", "log_likelihoods": [-1.0, -1.0], "answer": null}',
        '{"row": 1, "gold": "pos", "label": "joy", "log_likelihoods": [-1.0, -1.0], "answer": null}',
        '{"row": 1, "gold": "pos", "label": "pos", "log_likelihoods": [-1.0, -1.0], "answer": 3}',
        '{"row": "1", "gold": "pos", "label": "pos", "log_likelihoods": [-1.0, -1.0], "answer": null}',
        '{"row": 1, "gold": "pos", "label": "pos", "log_likelihoods": null, "answer": null}',
    ],
)
def test_a_damaged_line_is_named(folder, line):
    path = folder / "si.jsonl"
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")
    with pytest.raises(DataError, match=r"si\.jsonl:4: this is no row of the run"):
        read_run(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"system": 1}', b"\xff"])
def test_a_damaged_description_is_named(folder, content):
    (folder / "run.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=r"run\.json is damaged"):
        read_run(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"system": 3},
        {"seed": "0"},
        {"details": []},
        {"scores": ["likelihood", 3]},
        {"labels": [1, 2]},
        {"data": {"si": {"rows": "3"}}},
        {"data": []},
        {"colour": "red"},
    ],
)
def test_a_description_with_a_value_of_another_kind_is_damaged(folder, changes):
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(DataError, match=r"run\.json is damaged"):
        read_run(folder)


def test_half_a_line_is_no_row(folder):
    path = folder / "si.jsonl"
    path.write_bytes(path.read_bytes() + b'\n{"row"')
    with pytest.raises(DataError, match=r"si\.jsonl:4: this is no row of the run"):
        read_run(folder)
    path.write_bytes(path.read_bytes().replace(b'\n\n{"row"', b'\n{"row"'))
    assert read_run(folder).languages == {"si": ROWS}


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(DataError) as error:
        read_run(tmp_path / "none")
    assert str(error.value) == (
        f"There is no folder of predictions '{tmp_path / 'none'}'. `python -m train_cli evaluate` writes one "
        "and prints its name."
    )
    with pytest.raises(DataError, match=r"holds no run\.json"):
        read_run(tmp_path)
