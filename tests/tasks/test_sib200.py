from fusion_demo.languages import LANGUAGES
from fusion_demo.tasks.sib200 import SIB200


def test_sib200_has_seven_topics_and_says_them_in_words():
    assert len(SIB200.label_words) == 7
    assert SIB200.label_words["science/technology"] == "science and technology"


def test_sib200_is_measured_in_every_language():
    assert set(SIB200.languages) == set(LANGUAGES)
