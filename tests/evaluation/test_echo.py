import pytest
from sacrebleu.metrics import CHRF

from fusion_demo.evaluation.echo import content_words, score_echoes

REFERENCES = ["The cat sat on the old mat.", "Rain fell in Colombo.", "A doctor found a new cure."]


def test_a_perfect_echo_has_all_of_everything():
    scores = score_echoes(REFERENCES, REFERENCES)
    assert scores == {
        "chrf": pytest.approx(100),
        "bleu": pytest.approx(100),
        "recall": 100,
        "retrieval": 100,
        "n": 3,
    }


def test_recall_counts_content_words_alone():
    echoes = ["A cat and a mat", "It is raining in Colombo", ""]
    # cat, sat, old, mat; rain, fell, colombo; doctor, found (a stop word), new, cure
    assert [len(content_words(text)) for text in REFERENCES] == [4, 3, 3]
    assert score_echoes(echoes, REFERENCES)["recall"] == pytest.approx(100 * 3 / 10)


def test_words_are_lower_case_without_stop_words():
    assert content_words("The cat, it's said, SAT.") == ["cat", "it's", "said", "sat"]


def test_an_echo_counts_as_retrieved_if_its_own_reference_is_closest_alone():
    swapped = [REFERENCES[1], REFERENCES[0], REFERENCES[2]]
    assert score_echoes(swapped, REFERENCES)["retrieval"] == pytest.approx(100 / 3)
    same = ["Rain fell.", "Rain fell."]
    assert score_echoes(same, same)["retrieval"] == 0  # as close to one as to the other
    assert score_echoes(["Rain fell."], ["Rain fell."])["retrieval"] == 100


def test_chrf_is_that_of_the_whole_corpus_and_order_does_not_matter():
    echoes = ["The cat sits on a mat.", "Rain in Colombo fell.", "The doctors have a new cure."]
    scores = score_echoes(echoes, REFERENCES)
    assert scores["chrf"] == pytest.approx(CHRF().corpus_score(echoes, [REFERENCES]).score)
    assert 40 < scores["chrf"] < 95
    backwards = score_echoes(echoes[::-1], REFERENCES[::-1])
    assert backwards == {name: pytest.approx(value) for name, value in scores.items()}


def test_references_without_content_words_have_none_to_be_found():
    assert score_echoes(["the"], ["the"])["recall"] == 0.0


def test_an_echo_without_a_letter_of_its_only_reference_is_still_closest_to_it():
    assert score_echoes(["x"], ["Rain fell."])["retrieval"] == 100


@pytest.mark.parametrize(("echoes", "references"), [([], []), (["a"], ["a", "b"])])
def test_what_cannot_be_compared_is_refused(echoes, references):
    with pytest.raises(ValueError, match="cannot be compared"):
        score_echoes(echoes, references)
