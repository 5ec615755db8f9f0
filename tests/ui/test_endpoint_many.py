"""The endpoint `/classify_many`, asked as a program asks it."""

import pytest
from gradio_client.exceptions import AppError

from fusion_demo.session import Session

SINHALA = "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි"


def test_a_program_classifies_many_texts_and_a_bad_one_costs_no_other(client, tiny_checkpoints):
    texts = [SINHALA, "", "خبر"]
    first, empty, last = client.predict(task="news", texts=texts, api_name="/classify_many")
    assert [row["row"] for row in (first, empty, last)] == [1, 2, 3]
    assert set(first) == {"row", "text", "label", "scores", "language", "note"}
    assert (first["text"], first["language"], first["note"]) == (SINHALA, "si", "")
    for row in (first, last):
        alone = Session(tiny_checkpoints).classify(row["text"], "news")
        assert row["scores"] == pytest.approx(alone.scores, abs=1e-5)
        assert row["label"] == alone.label
    assert (empty["label"], empty["scores"], empty["language"]) == (None, {}, None)
    assert empty["note"].startswith("There is no text to read")


def test_a_program_classifies_many_pairs(client):
    asked = {"texts": ["It rains.", SINHALA], "second_texts": ["It is dry.", SINHALA]}
    first, _ = client.predict(task="xnli", checkpoint="pairs", **asked, api_name="/classify_many")
    assert (first["premise"], first["hypothesis"]) == ("It rains.", "It is dry.")
    alone = client.predict(
        task="xnli", text="It rains.", second_text="It is dry.", checkpoint="pairs", api_name="/classify"
    )
    assert first["scores"] == pytest.approx(alone["scores"], abs=1e-5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"texts": "news"}, "texts must be a list, not str"),
        ({"texts": []}, "texts is empty"),
        ({"texts": ["a"] * 201}, "There are more than 200 texts"),
        ({"texts": ["a", 5]}, "an entry of texts must be a string, not int"),
        ({"second_texts": []}, "There are 1 texts and 0 second_texts"),
        ({"task": "new"}, "Did you mean 'news'?"),
        ({"checkpoint": "topics"}, "Available: news-first"),
    ],
)
def test_many_texts_that_cannot_be_asked_are_refused_with_a_sentence(client, asked, message):
    with pytest.raises(AppError) as refused:
        client.predict(**{"task": "news", "texts": ["a"]} | asked, api_name="/classify_many")
    assert message in str(refused.value)
