from fusion_demo.tasks.reviews import REVIEWS
from fusion_demo.tasks.sentiment import SENTIMENT


def test_sentiment_asks_checkpoints_of_reviews_the_question_they_know():
    assert SENTIMENT.checkpoint_task == "reviews"
    assert SENTIMENT.instruction == REVIEWS.instruction
    assert SENTIMENT.bare_prompt == REVIEWS.bare_prompt


def test_sentiment_has_two_of_the_five_answers():
    assert SENTIMENT.label_words == {"negative": "negative", "positive": "positive"}
    assert SENTIMENT.label_words.items() <= REVIEWS.label_words.items()
