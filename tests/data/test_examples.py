import json

import pytest

from fusion_demo.data import (
    Example,
    available_languages,
    describe_training_data,
    read_examples,
    read_languages,
    write_command,
)
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.tasks import get_task

NEWS, SIB200, XNLI = get_task("news"), get_task("sib200"), get_task("xnli")
LABELS = ("sports", "world")


@pytest.fixture
def folder(tmp_path):
    """Data folder with `dev.en.jsonl` of ten rows and `dev.si.jsonl` of one."""
    write_rows(tmp_path / "dev.en.jsonl", [f"Headline number {n}" for n in range(10)])
    write_rows(tmp_path / "dev.si.jsonl", ["අද කොළඹ තරගය පැවැත්වේ"])
    return tmp_path


def write_rows(path, texts):
    rows = [{"id": n, "text": text, "label": LABELS[n % 2]} for n, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_rows_come_in_file_order_with_text_label_and_row(folder):
    examples = read_examples(folder, NEWS, "dev", "en")
    assert examples[:2] == [
        Example("Headline number 0", "sports", 0),
        Example("Headline number 1", "world", 1),
    ]
    assert len(examples) == 10
    assert read_examples(folder, NEWS, "dev", "si") == [Example("අද කොළඹ තරගය පැවැත්වේ", "sports")]


def test_available_languages_are_those_of_the_split(folder):
    write_rows(folder / "train.ta.jsonl", ["x"])
    (folder / "dev.bn.jsonl").mkdir()
    assert available_languages(folder, NEWS, "dev") == ["en", "si"]


def test_sample_is_the_same_rows_on_every_machine(folder):
    # random.Random(0).sample(range(10), 3) -> [6, 9, 0].
    kept = read_examples(folder, NEWS, "dev", "en", max_examples=3, seed=0)
    assert [example.text[-1] for example in kept] == ["0", "6", "9"]
    assert [example.row for example in kept] == [0, 6, 9]


def test_sample_depends_on_the_seed_and_keeps_file_order(folder):
    samples = [
        [example.text for example in read_examples(folder, NEWS, "dev", "en", max_examples=4, seed=seed)]
        for seed in range(5)
    ]
    assert len({tuple(sample) for sample in samples}) > 1
    assert all(sample == sorted(sample) and len(set(sample)) == 4 for sample in samples)


@pytest.mark.parametrize("max_examples", [0, 10, 99])
def test_all_rows_are_kept_when_there_are_no_more(folder, max_examples):
    assert len(read_examples(folder, NEWS, "dev", "en", max_examples=max_examples)) == 10


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"There is no data folder .*nowhere"):
        read_examples(tmp_path / "nowhere", NEWS, "dev", "en")


def test_missing_split_names_the_files_that_are_there(folder):
    with pytest.raises(DataError, match=r"no test\.<language>\.jsonl.*dev\.en\.jsonl, dev\.si\.jsonl"):
        read_examples(folder, NEWS, "test", "en")


def test_missing_language_names_those_that_are_there(folder):
    with pytest.raises(DataError, match=r"Unknown language 'ta'.*Available: en, si\."):
        read_examples(folder, NEWS, "dev", "ta")


def test_all_languages_are_read_unless_some_are_named(folder):
    assert list(read_languages(folder, NEWS, "dev", [])) == ["en", "si"]
    chosen = read_languages(folder, NEWS, "dev", ["si", "en"], max_examples=3, seed=5)
    assert list(chosen) == ["si", "en"]
    assert chosen["en"] == read_examples(folder, NEWS, "dev", "en", max_examples=3, seed=5)


def test_file_in_a_language_that_is_not_ours_is_refused(folder):
    write_rows(folder / "dev.xx.jsonl", ["?"])
    with pytest.raises(ConfigError, match="Unknown language 'xx'"):
        read_languages(folder, NEWS, "dev", [])


def test_the_command_that_wrote_the_data_is_told_in_bounds(folder):
    assert "command" not in describe_training_data(folder, NEWS)
    assert "command" not in describe_training_data("", SIB200)
    write_command(folder, "python -m train_cli teach --seed 1")
    assert describe_training_data(folder, NEWS)["command"] == "python -m train_cli teach --seed 1"
    assert describe_training_data(folder, NEWS)["description"] == NEWS.data
    (folder / "command.txt").write_bytes(b"\xff" + b"x" * 1_000_000)
    assert len(describe_training_data(folder, NEWS)["command"]) == 4096
