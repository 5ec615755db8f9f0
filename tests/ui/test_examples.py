"""The examples are in the languages that they say they are in."""

import pytest

from fusion_demo.detection import detect_language
from fusion_demo.input_text import readable_text
from fusion_demo.languages import LANGUAGES
from fusion_demo.tasks import TASKS
from fusion_demo.ui.examples import EXAMPLE_KINDS, EXAMPLES, PAIR_EXAMPLES, REVIEW_EXAMPLES, example_kind


def test_there_are_at_least_six_languages_and_sinhala_is_first():
    codes = [code for code, _ in EXAMPLES]
    assert codes[0] == "si"
    assert len(set(codes)) == len(codes) >= 6
    assert {LANGUAGES[code].direction for code in codes} == {"ltr", "rtl"}


@pytest.mark.parametrize(("code", "headline"), EXAMPLES + REVIEW_EXAMPLES)
def test_a_headline_or_review_is_plain_text_in_its_language(code, headline):
    assert detect_language(headline) == code
    assert readable_text(headline) == (headline, 0)


@pytest.mark.parametrize("example", PAIR_EXAMPLES, ids=[code for code, *_ in PAIR_EXAMPLES])
def test_a_pair_is_plain_text_in_its_language(example):
    code, *texts = example
    assert detect_language(" ".join(texts)) == code
    assert [readable_text(text) for text in texts] == [(text, 0) for text in texts]


def test_pairs_come_in_several_languages_and_sinhala_is_first():
    codes = [code for code, *_ in PAIR_EXAMPLES]
    assert codes[0] == "si"
    assert len(set(codes)) == len(codes) >= 6
    assert {LANGUAGES[code].direction for code in codes} == {"ltr", "rtl"}


def test_every_task_has_examples_with_as_many_texts_as_it_reads():
    for task in TASKS.values():
        examples = EXAMPLE_KINDS[example_kind(task)]
        assert {len(texts) for _, *texts in examples} == {len(task.fields)}
    assert example_kind(TASKS["sentiment"]) == "reviews"
