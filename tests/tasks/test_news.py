from fusion_demo.languages import languages_in
from fusion_demo.tasks.news import NEWS


def test_news_has_eight_topics():
    assert len(NEWS.label_words) == 8
    assert NEWS.label_words["science and technology"] == "science and technology"


def test_news_is_measured_in_english_sinhala_and_ten_indic_languages():
    indic = {language.code for language in languages_in("indic")}
    assert set(NEWS.languages) & indic == indic - {"as"}
    assert set(NEWS.languages) - indic == {"en", "si"}
