import re

import pytest

from fusion_demo.errors import ModelError
from fusion_demo.presets import PRESETS
from fusion_demo.pretrained.embedded import EMBEDDED, PREFIX, get_embedded


def test_the_embedded_preset_names_an_encoder_and_an_llm_of_the_list():
    preset = PRESETS["embedded"]
    assert get_embedded(preset["encoder"].removeprefix(PREFIX)).role == "encoder"
    assert get_embedded(preset["llm"].removeprefix(PREFIX)).role == "LLM"


@pytest.mark.parametrize("model", EMBEDDED.values(), ids=EMBEDDED)
def test_records_are_complete(model):
    assert EMBEDDED[model.name] is model
    assert re.fullmatch("[0-9a-f]{64}", model.sha256)
    assert model.wheel.startswith(f"{model.package.replace('-', '_')}-{model.version}-")
    assert model.licence in {"MIT", "Apache-2.0"}


def test_an_unknown_name_is_refused_with_a_hint():
    with pytest.raises(ModelError, match=r"Did you mean 'multilingual-e5-small'\? Available: .*smollm2"):
        get_embedded("multilingual-e5-smal")
