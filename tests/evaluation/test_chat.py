import pytest
from sacrebleu.metrics import CHRF

from fusion_demo.evaluation.chat import score_answers

ENGLISH = ["The capital is Delhi.", "", "It is red."]
REFERENCES = ["New Delhi", "A river", "red and white"]


def test_each_answer_counts_alike_and_its_content_words_are_looked_for():
    answers = ["Delhi is the capital.", "", "It is white, and red."]
    scores = score_answers(answers, ENGLISH, REFERENCES)
    chrf = [CHRF().sentence_score(answers[i], [ENGLISH[i]]).score for i in (0, 2)]
    assert scores["agreement"] == pytest.approx((chrf[0] + 100 + chrf[1]) / 3)
    references = [CHRF().sentence_score(a, [r]).score for a, r in zip(answers, REFERENCES, strict=True)]
    assert scores["reference"] == pytest.approx(sum(references) / 3)
    # New Delhi, river, red, white: the second, the fourth and the fifth are there.
    assert scores["recall"] == pytest.approx(100 * 3 / 5)
    assert scores["n"] == 3


def test_the_same_answers_agree_wholly():
    assert score_answers(ENGLISH, ENGLISH, REFERENCES)["agreement"] == 100


def test_references_without_content_words_have_none_to_be_found():
    assert score_answers(["a"], ["a"], ["the"])["recall"] == 0.0


@pytest.mark.parametrize(("answers", "english"), [([], []), (["a"], ["a", "b"])])
def test_what_cannot_be_compared_is_refused(answers, english):
    complaint = (
        f"^{len(answers)} answers, {len(english)} English ones and {len(answers)} references cannot be "
    )
    with pytest.raises(ValueError, match=complaint + r"compared\.$"):
        score_answers(answers, english, answers)
