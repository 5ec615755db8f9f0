"""The endpoint `/compare`, asked as a program asks it."""

import pytest
from gradio_client.exceptions import AppError

from fusion_demo.tasks import TASKS

SINHALA = "කොළඹ වරාය තුළින් සිදු කරන ලද අපනයන වැඩි වෙයි"


def test_a_program_compares_lanes(client):
    lanes = [
        {"system": "news-second"},
        {"system": "news-second", "last_layer_only": True},
        {"system": "llm-alone"},
        {"system": "translation-pipeline"},
    ]
    bridge, last, alone, none = client.predict(task="news", text=SINHALA, lanes=lanes, api_name="/compare")
    answer = client.predict(task="news", text=SINHALA, checkpoint="news-second", api_name="/classify")
    for name in ("label", "scores", "tokens", "layers", "layer_weights", "language", "parts"):
        assert bridge[name] == answer[name]
    assert {tuple(row) for row in last["layer_weights"]} == {(0.0, 0.0, 1.0)}
    assert (last["system"], last["last_layer_only"]) == ("news-second", True)
    assert set(alone["scores"]) == set(TASKS["news"].label_words)
    assert (alone["english"], alone["llm_tokens"] > 0, "layers" in alone) == (None, True, False)
    assert set(bridge["weights"]) == {"encoder", "LLM", "bridge"}
    assert set(bridge["memory"]) == {"before", "peak"}
    assert bridge["milliseconds"]["answer"] > 0
    assert "There is no translator here" in none["problem"]
    assert "label" not in none


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"lanes": "news-second"}, "lanes must be a list, not str"),
        ({"lanes": ["news-second"]}, "an entry of lanes must be an object, not str"),
        ({"lanes": [{}]}, "An entry of lanes has a system"),
        ({"lanes": [{"system": 5}]}, "the system of a lane must be a string"),
        (
            {"lanes": [{"system": "a", "last_layer_only": 1}]},
            "last_layer_only of a lane must be true or",
        ),
        ({"lanes": [{"system": "llm-alone"}] * 5}, "Choose 1 to 4 lanes"),
        ({"text": ""}, "There is no text to read"),
        ({"task": "new"}, "Did you mean 'news'?"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused_with_a_sentence(client, asked, message):
    given = {"task": "news", "text": "a", "lanes": [{"system": "llm-alone"}]}
    with pytest.raises(AppError) as refused:
        client.predict(**given | asked, api_name="/compare")
    assert message in str(refused.value)
