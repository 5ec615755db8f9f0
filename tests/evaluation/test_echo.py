import math
import random

import pytest
import torch
from sacrebleu.metrics import CHRF

from fusion_demo.evaluation.echo import content_words, find_by_vector, find_thresholds, score_echoes

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


def letters(texts):
    """Vectors of length 1 that count letters: (N, 26)."""
    counts = torch.tensor([[float(text.lower().count(chr(97 + i))) for i in range(26)] for text in texts])
    return torch.nn.functional.normalize(counts, dim=-1)


def test_by_vector_the_nearest_reference_counts():
    echoes = ["mat old the on sat cat", "a cure", "colombo in rain"]  # the last two are each other's
    vectors = (letters(echoes), letters(REFERENCES))
    assert find_by_vector(*vectors) == [True, False, False]
    assert score_echoes(echoes, REFERENCES, vectors)["vector_retrieval"] == pytest.approx(100 / 3)


def test_thresholds_are_where_echoes_are_found_nine_times_in_ten_and_half_of_the_times():
    chance = random.Random(0)
    similarities = [0.8 + 0.2 * chance.random() for _ in range(20_000)]
    # The logit is 100 (similarity - 0.9): a half at 0.9, nine tenths at 0.9 + log 9 / 100.
    found = [chance.random() < 1 / (1 + math.exp(-100 * (value - 0.9))) for value in similarities]
    thresholds = find_thresholds(similarities, found)
    assert thresholds.partly == pytest.approx(0.9, abs=0.002)
    assert thresholds.well == pytest.approx(0.9 + math.log(9) / 100, abs=0.002)
    assert [thresholds.level(value) for value in (0.85, 0.91, 0.95)] == ["hardly", "partly", "well"]


def test_where_all_are_found_or_none_all_are_alike():
    assert find_thresholds([0.5, 0.6], [True, True]).level(0.0) == "well"
    assert find_thresholds([0.5, 0.6], [False, False]).level(0.99) == "hardly"
