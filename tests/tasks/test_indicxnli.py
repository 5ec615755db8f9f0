from fusion_demo.languages import languages_in
from fusion_demo.tasks.indicxnli import INDICXNLI
from fusion_demo.tasks.xnli import XNLI


def test_indicxnli_asks_checkpoints_of_xnli_the_question_they_know():
    assert INDICXNLI.checkpoint_task == "xnli"
    assert INDICXNLI.instruction == XNLI.instruction
    assert INDICXNLI.label_words == XNLI.label_words


def test_indicxnli_is_measured_in_eleven_indic_languages():
    assert set(INDICXNLI.languages) == {language.code for language in languages_in("indic")}
    assert len(INDICXNLI.languages) == 11
