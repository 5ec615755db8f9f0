from fusion_demo.tasks.news import NEWS
from fusion_demo.tasks.sinhala_news import SINHALA_NEWS


def test_sinhala_news_has_five_of_the_topics_of_news_and_its_question():
    assert SINHALA_NEWS.checkpoint_task == "news"
    assert SINHALA_NEWS.instruction == NEWS.instruction
    assert len(SINHALA_NEWS.labels) == 5
    assert SINHALA_NEWS.label_words.items() <= NEWS.label_words.items()


def test_numbers_follow_the_order_of_the_data_sets_card():
    """The card: "political, business, technology, sports and Entertainment"."""
    assert SINHALA_NEWS.hub.labels == {
        "0": "politics",
        "1": "business",
        "2": "science and technology",
        "3": "sports",
        "4": "entertainment",
    }
