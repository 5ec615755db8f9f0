from types import SimpleNamespace

import pytest
import torch

from fusion_demo.data import Example
from fusion_demo.errors import DataError, ModelError
from fusion_demo.evaluation import (
    RunDescription,
    answer_language,
    classify_examples,
    describe_data,
    open_run,
    predict,
)
from fusion_demo.tasks.base import Task

MOOD = Task(
    name="mood",
    title="Mood",
    instruction="How does it sound?",
    bare_prompt="Mood: ",
    label_words={"pos": "good", "neg": "bad"},
    languages=("en",),
    data="Sentences of our own",
    licence="none",
    licence_id="other",
)


class CountingScorer:
    """Prefers "good" for texts with more "+" than "-"; keeps the batches it was given."""

    def __init__(self):
        self.batches = []

    def frame(self, instruction, bare_prompt):
        return (instruction, bare_prompt)

    def score_labels(self, texts, label_words, frame):
        assert frame == ("How does it sound?", "Mood: ")
        assert list(label_words) == ["good", "bad"]
        self.batches.append(texts)
        rows = [[-float(text.count("-")), -float(text.count("+"))] for text in texts]
        return SimpleNamespace(log_likelihoods=torch.tensor(rows))


TEXTS = ["+" * 9, "-", "+ and - and +", "--", "a long text that ends badly -", "+"]


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_predictions_keep_the_order_of_the_examples(batch_size):
    examples = [Example(text, "pos") for text in TEXTS]
    predictions = classify_examples(CountingScorer(), MOOD, examples, batch_size=batch_size)
    assert [prediction.label for prediction in predictions] == ["pos", "neg", "pos", "neg", "neg", "pos"]
    assert predictions[3].log_likelihoods == (-2.0, 0.0)


def test_batches_hold_texts_of_like_length():
    scorer = CountingScorer()
    classify_examples(scorer, MOOD, [Example(text, "pos") for text in TEXTS], batch_size=4)
    assert [len(batch) for batch in scorer.batches] == [4, 2]
    assert max(map(len, scorer.batches[0])) <= min(map(len, scorer.batches[1]))


def test_no_examples_give_no_predictions():
    assert classify_examples(CountingScorer(), MOOD, [], batch_size=4) == []


def test_nothing_is_printed_where_there_is_no_terminal(capsys):
    classify_examples(CountingScorer(), MOOD, [Example("+", "pos")], batch_size=4)
    assert capsys.readouterr() == ("", "")


class Answering:
    """An answerer whose scores depend on what shares a batch, as rounding does, and who may be stopped."""

    name = "answering"

    def __init__(self, stop=None, translate=False):
        self.stop = stop
        self.translates = translate
        self.batches = []
        self.prepared = []

    def prepare(self, texts, language):
        self.prepared.append((list(texts), language))
        return [text.swapcase() + "!" for text in texts] if self.translates else list(texts)

    def score_labels(self, texts, task):
        if len(self.batches) == self.stop:
            raise KeyboardInterrupt
        self.batches.append(list(texts))
        longest = max(map(len, texts))
        return torch.tensor([[len(text) / 7 - 3, longest / 11 - 3] for text in texts])

    def generate(self, texts, task):
        assert task is MOOD
        return [f"{text[:2]} of {len(texts)}" for text in texts]


EXAMPLES = [Example("ab" * (index * 5 % 7 + 1), MOOD.labels[index % 2], index * 3) for index in range(11)]


def described(examples=EXAMPLES):
    return RunDescription(
        system="answering",
        task="mood",
        split="test",
        seed=0,
        max_examples=0,
        scores=("likelihood",),
        labels=MOOD.labels,
        details={},
        data={"si": describe_data(examples)},
        command="",
    )


def ask(folder, answerer, **options):
    with open_run(folder, described()) as run:
        return answer_language(answerer, MOOD, "si", EXAMPLES, run, **{"batch_size": 3, **options})


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.mark.parametrize("window", [1, 4, 256])
@pytest.mark.parametrize("translate", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 150])
def test_a_stop_anywhere_leaves_no_trace(tmp_path, monkeypatch, window, translate, cut):
    monkeypatch.setattr(predict, "WINDOW", window)
    whole = Answering(translate=translate)
    rows = ask(tmp_path / "whole", whole, generate=True)
    assert [(row.row, row.gold) for row in rows] == [(example.row, example.label) for example in EXAMPLES]
    for stop in range(len(whole.batches)):
        folder = tmp_path / f"stopped-{stop}"
        with pytest.raises(KeyboardInterrupt):
            ask(folder, Answering(stop, translate), generate=True)
        # A process that is killed while it writes leaves half a line, or fewer of the lines.
        for path in folder.glob("*.jsonl"):
            content = path.read_bytes()
            last = len(content) - content.rfind(b"\n", 0, -1) - 1
            path.write_bytes(content[: -(min(cut, last) if "english" in path.name else cut) or None])
        assert ask(folder, Answering(translate=translate), generate=True) == rows
        assert files_of(folder) == files_of(tmp_path / "whole")


def test_rows_say_what_the_system_answered(tmp_path):
    rows = ask(tmp_path / "run", Answering(), generate=True, batch_size=len(EXAMPLES))
    for row, example in zip(rows, EXAMPLES, strict=True):
        scores = [len(example.text) / 7 - 3, 14 / 11 - 3]
        assert row.log_likelihoods == pytest.approx(scores, abs=6e-6)
        assert row.label == MOOD.labels[scores[1] > scores[0]]
        assert row.answer == "ab of 11"
    assert all(row.answer is None for row in ask(tmp_path / "other", Answering()))


def test_batches_hold_texts_of_like_length_within_a_window(tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "WINDOW", 6)
    answerer = Answering()
    ask(tmp_path / "run", answerer)
    assert [len(batch) for batch in answerer.batches] == [3, 3, 3, 2]
    for start in (0, 2):
        lengths = [len(text) for batch in answerer.batches[start : start + 2] for text in batch]
        assert lengths == sorted(lengths)


def test_what_the_system_reads_instead_of_the_texts_is_kept_and_used_again(tmp_path):
    translating = Answering(stop=1, translate=True)
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path / "run", translating)
    assert translating.prepared == [([example.text for example in EXAMPLES], "si")]
    again = Answering(translate=True)
    ask(tmp_path / "run", again)
    assert again.prepared == []
    assert sorted(text for batch in again.batches for text in batch) == sorted(
        example.text.upper() + "!" for example in EXAMPLES
    )
    with open_run(tmp_path / "run", described()) as run:
        assert run.english("si") == {example.row: example.text.upper() + "!" for example in EXAMPLES}


def test_pairs_are_kept_as_pairs(tmp_path):
    with open_run(tmp_path / "run", described()) as run:
        run.append_english("si", {3: ("a\n", "b"), 4: "c"})
        assert run.english("si") == {3: ("a\n", "b"), 4: "c"}


def test_texts_that_stay_as_they_are_are_not_kept(tmp_path):
    ask(tmp_path / "run", Answering())
    assert [path.name for path in (tmp_path / "run").glob("*.english.jsonl")] == []


@pytest.mark.parametrize("line", ["{", "[]", '{"row": 1}', '{"english": 3}'])
def test_damaged_translations_are_named(tmp_path, line):
    with open_run(tmp_path / "run", described()) as run:
        (tmp_path / "run" / "si.english.jsonl").write_text(line + "\n")
        with pytest.raises(DataError, match=r"si\.english\.jsonl is damaged\. Remove it"):
            run.english("si")


def test_answers_to_other_texts_are_not_gone_on_with(tmp_path):
    ask(tmp_path / "run", Answering())
    others = [Example(example.text, example.label, example.row + 1) for example in EXAMPLES]
    with (
        open_run(tmp_path / "run", described()) as run,
        pytest.raises(DataError, match="holds answers to other texts in 'si'"),
    ):
        answer_language(Answering(), MOOD, "si", others, run, batch_size=3)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_is_refused(tmp_path, monkeypatch, score):
    monkeypatch.setattr(Answering, "score_labels", lambda *_: torch.tensor([[score, 0.0]]))
    message = r"scores of text 0 are not numbers: .* overflowed\. Use --dtype float32 or bfloat16\.$"
    with pytest.raises(ModelError, match=message):
        ask(tmp_path / "run", Answering(), batch_size=1)


def test_data_is_known_again_by_place_text_and_label():
    first = describe_data(EXAMPLES)
    assert first == describe_data(list(EXAMPLES))
    assert first["rows"] == 11
    changed = [
        EXAMPLES[:-1],
        [Example("x", EXAMPLES[0].label, 0), *EXAMPLES[1:]],
        [Example(EXAMPLES[0].text, "neg", 0), *EXAMPLES[1:]],
        [Example(EXAMPLES[0].text, EXAMPLES[0].label, 1), *EXAMPLES[1:]],
        EXAMPLES[::-1],
    ]
    assert len({describe_data(examples)["sha256"] for examples in [EXAMPLES, *changed]}) == 6
