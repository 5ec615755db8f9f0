from fusion_demo.tasks.xnli import XNLI


def test_xnli_reads_a_premise_and_a_hypothesis_in_fifteen_languages():
    assert XNLI.fields == ("premise", "hypothesis")
    assert len(XNLI.languages) == 15


def test_labels_stand_in_the_order_of_the_hubs_numbers():
    assert XNLI.labels == ("entailment", "neutral", "contradiction")
