from fusion_demo.tasks.reviews import REVIEWS


def test_reviews_have_a_word_for_each_of_five_stars_from_the_worst():
    assert REVIEWS.labels == ("very negative", "negative", "neutral", "positive", "very positive")


def test_reviews_are_measured_in_the_six_languages_of_the_corpus():
    assert set(REVIEWS.languages) == {"de", "en", "es", "fr", "ja", "zh"}
