"""Many texts in batches get what each of them gets alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import fusion_demo.bridge
from fusion_demo.errors import CheckpointError, ConfigError
from fusion_demo.many_texts import InputRow
from fusion_demo.session import Session

SINHALA = "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි"


@pytest.fixture(scope="module")
def session(tiny_checkpoints):
    return Session(tiny_checkpoints)


def many(session, texts, task="news", checkpoint="news-second", **options):
    rows = [InputRow(text if isinstance(text, tuple) else (text,)) for text in texts]
    return list(session.classify_many(rows, task, checkpoint, **options))


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_many_texts_get_what_each_gets_alone(session, batch_size):
    texts = [SINHALA, "خبر", "rain " * 30, "ข่าว", "", "অসম", "x" * 6_000, "news"]
    found = many(session, texts, batch_size=batch_size)
    assert sorted(answer.index for answer in found) == list(range(len(texts)))
    for answer in found:
        if texts[answer.index] in ("", "x" * 6_000):
            assert answer.classification is None
            continue
        alone = session.classify(texts[answer.index], "news", "news-second")
        assert answer.problem == ""
        assert answer.classification.label == alone.label
        assert answer.classification.scores == pytest.approx(alone.scores, abs=1e-5)
        assert (answer.classification.text, answer.classification.language) == (alone.text, alone.language)
    problems = {answer.index: answer.problem for answer in found if answer.problem}
    assert problems[4].startswith("There is no text to read")
    assert problems[6].startswith("The text has 6,000 characters")
    assert len(problems) == 2


def test_many_pairs_are_read_part_by_part(session):
    pairs = [("It rains.", "It is dry."), ("alone",), ("a" * 80, "b"), (SINHALA, SINHALA)]
    found = {answer.index: answer for answer in many(session, pairs, "xnli", "pairs")}
    assert found[1].problem.startswith("There is no hypothesis to read")
    for index in (0, 2, 3):
        alone = session.classify(pairs[index][0], "xnli", "pairs", pairs[index][1])
        assert found[index].classification.scores == pytest.approx(alone.scores, abs=1e-5)


def test_texts_of_like_length_share_a_pass(session, monkeypatch):
    batches = []
    original = fusion_demo.bridge.FusionBridge.score_labels

    def counted(self, texts, *arguments, **options):
        batches.append([len(text) for text in texts])
        return original(self, texts, *arguments, **options)

    monkeypatch.setattr(fusion_demo.bridge.FusionBridge, "score_labels", counted)
    many(session, ["a" * length for length in (40, 3, 39, 2, 1)], batch_size=2)
    assert batches == [[1, 2], [3, 39], [40]]


def test_a_problem_of_a_row_is_handed_on_and_nothing_runs_before_the_first_answer(session):
    rows = [InputRow((), "Line 1 is not a JSON object."), InputRow(("news",))]
    coming = session.classify_many(rows, "news")
    assert next(coming).problem == "Line 1 is not a JSON object."
    assert next(coming).classification.text == "news"
    with pytest.raises(StopIteration):
        next(coming)


@pytest.mark.parametrize(
    ("task", "checkpoint", "kind"), [("new", "", ConfigError), ("news", "topics", CheckpointError)]
)
def test_many_texts_need_a_task_and_its_checkpoint_at_once(session, task, checkpoint, kind):
    with pytest.raises(kind):
        session.classify_many([InputRow(("a",))], task, checkpoint)


def test_between_two_batches_another_thread_gets_its_answer(session):
    coming = session.classify_many([InputRow((f"text {i}",)) for i in range(6)], "news", batch_size=1)
    next(coming)
    with ThreadPoolExecutor(1) as pool:  # while the first iterator is neither at its end nor closed
        assert pool.submit(session.classify, "news", "news").result(timeout=60).label
    assert len(list(coming)) == 5
