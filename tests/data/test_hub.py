"""Small files with the hub's own columns, read as the hub's are."""

import json

import datasets
import huggingface_hub
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from fusion_demo.data import (
    Example,
    available_languages,
    describe_training_data,
    read_examples,
    read_languages,
)
from fusion_demo.data.hub import copied_files, fetch_file
from fusion_demo.errors import DataError
from fusion_demo.tasks import get_task

XNLI, INDICXNLI, NEWS, SINHALA_NEWS, SIB200, REVIEWS, SENTIMENT = map(
    get_task, ("xnli", "indicxnli", "news", "sinhala-news", "sib200", "reviews", "sentiment")
)
NLI_LABELS = ClassLabel(names=["entailment", "neutral", "contradiction"])


@pytest.fixture(autouse=True)
def own_caches(tmp_path, monkeypatch):
    """Keep the caches of both libraries out of the user's, and what lies there out of the tests."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets-cache")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    return folder


def write_xnli(path, rows, label=NLI_LABELS):
    """Write a parquet file with XNLI's columns; `rows` are (premise, hypothesis, number)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    features = Features({"premise": Value("string"), "hypothesis": Value("string"), "label": label})
    columns = [list(column) for column in zip(*rows, strict=True)]
    Dataset.from_dict(dict(zip(features, columns, strict=True)), features=features).to_parquet(path)


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_xnli_parquet_with_named_labels(copy):
    write_xnli(
        copy / "hi" / "validation-00000-of-00001.parquet",
        [("वर्षा हो रही है", "सूखा है", 2), ("a", "b", 0), ("c", "d", 1)],
    )
    assert read_examples(copy, XNLI, "dev", "hi") == [
        Example(("वर्षा हो रही है", "सूखा है"), "contradiction", 0),
        Example(("a", "b"), "entailment", 1),
        Example(("c", "d"), "neutral", 2),
    ]


def test_indicxnli_parquet_with_bare_numbers(copy):
    write_xnli(copy / "or" / "test" / "0000.parquet", [("a", "b", 1)], label=Value("int64"))
    assert read_examples(copy, INDICXNLI, "test", "or") == [Example(("a", "b"), "neutral", 0)]


def test_names_in_the_file_win_over_the_recorded_numbers(copy):
    label = ClassLabel(names=["contradiction", "entailment", "neutral"])
    write_xnli(copy / "en" / "test.parquet", [("a", "b", 0)], label=label)
    assert read_examples(copy, XNLI, "test", "en")[0].label == "contradiction"


def test_reviews_json_lines_with_stars_counted_from_zero(copy):
    rows = [
        {"id": "en_1", "text": "It broke.\n\nAt once.", "label": 0, "label_text": "0"},
        {"id": "en_2", "text": "null", "label": 4, "label_text": "4"},
    ]
    write_text(copy / "en" / "train.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert read_examples(copy, REVIEWS, "train", "en") == [
        Example("It broke.\n\nAt once.", "very negative", 0),
        Example("null", "very positive", 1),
    ]


def test_sib200_tab_separated_with_words_for_labels(copy):
    write_text(
        copy / "data" / "sin_Sinh" / "dev.tsv",
        'index_id\tcategory\ttext\n541\tscience/technology\tකණ්ඩායම, "ජය" ගනී\n12\ttravel\t"""NA"" here"\n',
    )
    assert read_examples(copy, SIB200, "dev", "si") == [
        Example('කණ්ඩායම, "ජය" ගනී', "science/technology", 0),
        Example('"NA" here', "travel", 1),
    ]


def test_a_row_that_is_not_as_its_format_says_is_left_out_and_named(copy, capsys):
    write_text(
        copy / "data" / "eng_Latn" / "dev.tsv",
        'index_id\tcategory\ttext\n0\tsports\t"Goal\n1\tpolitics\n2\ttravel\ta\tb\n3\ttravel\t"007"\n',
    )
    examples = read_examples(copy, SIB200, "dev", "en")
    assert examples == [Example('"Goal', "sports", 0), Example('"007"', "travel", 3)]
    assert "2 of 4 rows are malformed and are left out. Line 3 has 2 of 3 columns" in capsys.readouterr().err


def test_cells_beyond_the_header_shift_no_column(copy):
    rows = ["Rain, heavy rain,1", "Snow, more snow,2"]
    write_text(copy / "sinhala-news-categories.csv", "\n".join(["comments,labels", *rows, "", "007,2"]))
    assert read_examples(copy, SINHALA_NEWS, "test", "si") == [Example("007", "science and technology", 2)]
    write_text(copy / "sinhala-news-categories.csv", "\n".join(["comments,labels", *rows]))
    with pytest.raises(DataError, match=r"holds no examples.* Line 2 has 3 cells, but .* names 2 columns"):
        read_examples(copy, SINHALA_NEWS, "test", "si")


def test_sinhala_news_is_one_csv_file_of_numbered_topics(copy, capsys):
    write_text(
        copy / "sinhala-news-categories.csv",
        "comments, labels\nපළමු,0\nදෙවන,4\n,1\nතෙවන, 2\nසිව්වන,\nපස්වන,3\n",
    )
    assert read_examples(copy, SINHALA_NEWS, "test", "si") == [
        Example("පළමු", "politics", 0),
        Example("දෙවන", "entertainment", 1),
        Example("තෙවන", "science and technology", 3),
        Example("පස්වන", "sports", 5),
    ]
    assert "2 of 6 rows lack a text or a label and are left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "names",
    [
        ["en/test.csv"],
        ["en/test.json"],
        ["en/test-00000-of-00001.parquet"],
        ["en/test-00000-of-00002.parquet", "en/test-00001-of-00002.parquet"],
        ["en/test/0000.parquet", "en/test/0001.parquet"],
    ],
)
def test_copies_may_be_laid_out_in_other_ways(copy, names):
    for number, name in enumerate(names):
        table = {"premise": [f"p{number}"], "hypothesis": ["h"], "label": ["neutral"]}
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset = Dataset.from_dict(table)
        {".csv": dataset.to_csv, ".json": dataset.to_json, ".parquet": dataset.to_parquet}[path.suffix](path)
    examples = read_examples(copy, XNLI, "test", "en")
    assert [(e.text, e.row) for e in examples] == [((f"p{n}", "h"), n) for n in range(len(names))]


def test_the_hubs_own_path_is_preferred_and_other_files_are_passed_over(copy):
    for name in ("en/test.jsonl", "en/test.csv", "en/test.md"):
        write_text(copy / name, "")
    assert copied_files(copy, REVIEWS.hub, "test", "en") == [copy / "en" / "test.jsonl"]
    assert copied_files(copy, XNLI.hub, "test", "en") == [copy / "en" / "test.csv"]
    assert copied_files(copy, XNLI.hub, "test", "si") == []
    assert copied_files(copy, INDICXNLI.hub, "train", "hi") == []


def test_sample_is_that_of_a_file_of_our_own(copy, tmp_path):
    rows = [(f"p{n}", f"h{n}", n % 3) for n in range(20)]
    write_xnli(copy / "en" / "test-00000-of-00001.parquet", rows)
    ours = tmp_path / "ours"
    lines = [
        json.dumps({"premise": p, "hypothesis": h, "label": NLI_LABELS.names[label]}) for p, h, label in rows
    ]
    write_text(ours / "test.en.jsonl", "\n".join(lines))
    for seed in (0, 7):
        sample = read_examples(copy, XNLI, "test", "en", max_examples=5, seed=seed)
        assert sample == read_examples(ours, XNLI, "test", "en", max_examples=5, seed=seed)
        assert [int(e.text[0][1:]) for e in sample] == [e.row for e in sample]


def test_languages_of_a_copy_are_those_that_it_holds(copy):
    for code in ("hi", "bg"):
        write_xnli(copy / code / "test.parquet", [("a", "b", 0)])
    assert available_languages(copy, XNLI, "test") == ["bg", "hi"]
    assert list(read_languages(copy, XNLI, "test", [])) == ["bg", "hi"]
    with pytest.raises(DataError, match=r"copy \(test\): Unknown language 'en'. Available: bg, hi\."):
        read_examples(copy, XNLI, "test", "en")
    with pytest.raises(
        DataError, match=r"no dev\.<language>\.jsonl, nor validation files of facebook/xnli. There: bg, hi\."
    ):
        read_examples(copy, XNLI, "dev", "hi")


def test_files_of_our_own_win_over_a_copy(copy):
    write_xnli(copy / "en" / "test.parquet", [("theirs", "b", 0)])
    write_text(copy / "test.en.jsonl", '{"premise": "ours", "hypothesis": "b", "label": "neutral"}')
    assert read_examples(copy, XNLI, "test", "en")[0].text == ("ours", "b")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"premise": ["a"], "sentence2": ["b"], "label": [0]},
            r"there is no column 'hypothesis'. Columns there: label, premise, sentence2. .* facebook/xnli",
        ),
        (
            {"premise": ["a"], "hypothesis": ["b"], "gold": [0]},
            r"there is no column 'label'. Columns there: gold, hypothesis, premise",
        ),
        (
            {"premise": ["a", "c"], "hypothesis": ["b", "d"], "label": [0, 3]},
            r"row 1: Unknown label '3'. .*Available: 0, 1, 2, contradiction, entailment, neutral",
        ),
        (
            {"premise": ["a"], "hypothesis": ["b"], "label": [-1]},
            r"row 0: Unknown label '-1'",
        ),
        (
            {"premise": [5], "hypothesis": ["b"], "label": [0]},
            r"row 0: a text is not a string but \[5, 'b'\]",
        ),
        ({"premise": [" "], "hypothesis": ["b"], "label": [0]}, "holds no examples"),
    ],
)
def test_bad_table_is_refused_with_its_file(copy, table, message):
    path = copy / "en" / "test.parquet"
    path.parent.mkdir()
    Dataset.from_dict(table).to_parquet(path)
    with pytest.raises(DataError, match=rf"test\.parquet.*{message}"):
        read_examples(copy, XNLI, "test", "en")


@pytest.mark.parametrize("name", ["test.parquet", "test.json"])
def test_damaged_file_is_refused(copy, name):
    write_text(copy / "en" / name, "PAR1 but not really {")
    with pytest.raises(DataError, match=rf"{name} could not be read as \w+: .*Fetch it again"):
        read_examples(copy, XNLI, "test", "en")


def test_file_is_fetched_at_the_recorded_commit_and_read_like_a_copy(copy, monkeypatch):
    asked = []

    def download(*arguments, **options):
        asked.append((arguments, options))
        return str(copy / arguments[1])

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    write_xnli(copy / XNLI.hub.path("test", "sw"), [("a", "b", 2)])
    assert read_examples("", XNLI, "test", "sw") == read_examples(copy, XNLI, "test", "sw")
    assert asked == [
        (
            ("facebook/xnli", "sw/test-00000-of-00001.parquet"),
            {"repo_type": "dataset", "revision": "b8dd5d7af51114dbda02c0e3f6133f332186418e"},
        )
    ]


def test_hub_out_of_reach_is_said_with_the_way_around_it():
    # The tests run with HF_HUB_OFFLINE, so the real function refuses.
    with pytest.raises(DataError) as caught:
        fetch_file(INDICXNLI.hub, "dev", "ta")
    message = str(caught.value)
    assert "Could not fetch ta/validation/0000.parquet of Divyanshu/indicxnli" in message
    assert "--data FOLDER" in message
    assert "dev.ta.jsonl" in message
    assert (
        "hf download Divyanshu/indicxnli ta/validation/0000.parquet --repo-type dataset "
        "--revision refs/convert/parquet --local-dir FOLDER"
    ) in message


@pytest.mark.parametrize(
    ("task", "split", "language", "message"),
    [
        (NEWS, "train", "en", "'news' has no data set on the hub. Give a folder with --data FOLDER"),
        (SENTIMENT, "test", "si", "'sentiment' has no data set on the hub"),
        (SINHALA_NEWS, "dev", "si", "on the hub: Unknown split 'dev'. Available: test."),
        (XNLI, "test", "si", r"facebook/xnli on the hub \(test\): Unknown language 'si'"),
    ],
)
def test_what_the_hub_does_not_have_is_named(task, split, language, message):
    with pytest.raises(DataError, match=message):
        read_examples("", task, split, language)


def test_card_says_what_was_read(copy):
    write_xnli(copy / "en" / "train.parquet", [("a", "b", 0)])
    for data in ("", copy):
        described = describe_training_data(data, XNLI)
        assert described["licence_id"] == "cc-by-nc-4.0"
        assert "LingNLI" not in described["description"]
    write_text(copy / "train.en.jsonl", "")
    assert describe_training_data(copy, XNLI)["description"] == XNLI.data
    assert describe_training_data("", SIB200)["description"] == SIB200.data
