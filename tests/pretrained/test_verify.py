import re

import pytest

from fusion_demo.errors import ModelError
from fusion_demo.pretrained.conversion import converted_folder, ensure_converted, model_state
from fusion_demo.pretrained.embedded import EMBEDDED
from fusion_demo.pretrained.fetch import source_path
from fusion_demo.pretrained.verify import llm_fault, verify_model

REAL = dict(EMBEDDED)


@pytest.fixture
def tiny(index, monkeypatch):
    """A tiny encoder, listed and converted."""
    monkeypatch.setitem(EMBEDDED, index.model.name, index.model)
    ensure_converted(index.model)
    return index.model


def test_a_missing_source_is_reported(index):
    with pytest.raises(
        ModelError, match=r"tiny\.bin of tiny-e5 is not in the cache\. Run `python -m train_cli"
    ):
        verify_model(index.model)


def test_a_source_with_one_changed_bit_is_refused(tiny, e5_bytes):
    source_path(tiny).write_bytes(e5_bytes[:-1] + bytes([e5_bytes[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"tiny\.bin of tinye5 1\.0 was refused and removed"):
        verify_model(tiny)
    assert not source_path(tiny).exists()


def test_a_conversion_with_one_changed_bit_is_removed_and_made_anew_by_the_next_fetch(tiny):
    weights = converted_folder(tiny) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.safetensors of tiny-e5 is damaged.*to convert it anew"):
        verify_model(tiny)
    assert model_state(tiny) == "to convert"
    ensure_converted(tiny)
    assert model_state(tiny) == "ready"


def test_a_model_that_is_not_converted_is_reported(tiny):
    for path in converted_folder(tiny).iterdir():
        path.unlink()
    converted_folder(tiny).rmdir()
    with pytest.raises(ModelError, match="has not been converted yet"):
        verify_model(tiny)


def test_a_random_encoder_does_not_verify_although_all_hashes_agree(tiny):
    with pytest.raises(
        ModelError, match=r"Sinhala translation \(cosine -?\d\.\d\d\) no closer.*Remove .*tiny-e5"
    ):
        verify_model(tiny)


def test_a_random_llm_does_not_know_the_answer():
    assert re.fullmatch(
        r"tiny:llm goes on 'The capital of France is' with '.*', not ' Paris'\.", llm_fault("tiny:llm")
    )


@pytest.mark.embedded
@pytest.mark.parametrize("name", REAL)
def test_the_embedded_models_verify(name):
    verify_model(REAL[name])
