"""What the tab Classify says of a result."""

import re

import numpy as np

from fusion_demo.session import Classification
from fusion_demo.tokens import Token
from fusion_demo.ui.classify import result_facts


def test_the_facts_of_a_plain_result():
    result = Classification(
        text="خبر",
        fields=("text",),
        label="world",
        scores={"world": 0.75, "sports": 0.25},
        language="ur",
        tokens=[Token("<s>", -1, special=True), Token("خبر", 0), Token("</s>", -1, special=True)],
        parts=[0, 0, 0],
        layers=[1, 2],
        layer_weights=np.full((3, 2), 0.5, np.float32),
        truncated=True,
        prompt_truncated=False,
        removed=0,
        milliseconds=12.3,
    )
    facts = re.sub("<[^>]+>", " ", result_facts(result)).split()
    assert facts[:8] == ["Language", "Urdu", "·", "اردو", "Tokens", "1", "Time", "12"]
    assert "only its first 1 tokens were read" in result_facts(result)
