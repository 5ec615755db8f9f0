import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import DataError
from tests.train_cli.tiny_training import arguments, log_lines
from train_cli import state_cache as module
from train_cli.__main__ import main
from train_cli.state_cache import INDEX, STATES, CachedEncoder

TEXTS = ["good day", "ලංකා", "a much longer text than the other two", ("rain falls", "it is wet")]
READ = [text for text in TEXTS if isinstance(text, str)]


@pytest.fixture
def make_encoder(make_bridge, tmp_path):
    def make(fingerprint="f", **options) -> CachedEncoder:
        return CachedEncoder(make_bridge(**options).encoder, tmp_path / "cache", fingerprint)

    return make


def no_model(*_):
    raise AssertionError("the model was asked")


def test_states_from_the_cache_are_those_of_the_model_in_half_precision(make_encoder, monkeypatch):
    encoder = make_encoder(encoder_prefix="query: ")
    plain = [MultilingualEncoder.forward(encoder, texts) for texts in (READ, TEXTS[3:])]
    encoder.fill(TEXTS)
    encoder.open()
    monkeypatch.setattr(MultilingualEncoder, "_states", no_model)
    for expected, texts in zip(plain, (READ, TEXTS[3:]), strict=True):
        found = encoder(texts)
        assert torch.equal(found.mask, expected.mask)
        assert torch.equal(found.parts, expected.parts)
        assert found.tokens == expected.tokens
        real = expected.mask
        for name in ("layer_states", "embedding_states"):
            # Half precision has 11 bits; these numbers are below 4.
            torch.testing.assert_close(
                getattr(found, name)[real], getattr(expected, name)[real], rtol=0, atol=2e-3
            )
            assert torch.equal(getattr(found, name)[real], getattr(found, name)[real].half().float())


def test_order_and_company_change_nothing(make_encoder):
    encoder = make_encoder()
    encoder.fill(TEXTS)
    encoder.open()
    both, alone = encoder(READ), encoder(READ[1:2])
    length = int(alone.mask.sum())
    assert torch.equal(both.layer_states[1, :length], alone.layer_states[0])


def test_a_text_that_is_not_there_is_read_by_the_model(make_encoder):
    encoder = make_encoder()
    encoder.fill(READ[:1])
    encoder.open()
    expected = MultilingualEncoder.forward(encoder, READ)
    assert torch.equal(encoder(READ).layer_states, expected.layer_states)


def test_only_what_is_missing_is_read_and_a_second_encoder_finds_all(make_encoder, monkeypatch):
    make_encoder().fill(READ[:2])
    encoder = make_encoder()
    calls, states = [], MultilingualEncoder._states
    monkeypatch.setattr(
        MultilingualEncoder, "_states", lambda self, texts, *a: calls.append(texts) or states(self, texts, *a)
    )
    encoder.fill(TEXTS)
    assert sorted(text for texts in calls for text in texts) == sorted([READ[2], *TEXTS[3]])
    calls.clear()
    make_encoder().fill(TEXTS)
    assert calls == []


def test_other_weights_prefixes_and_lengths_have_a_folder_of_their_own(make_encoder):
    encoders = [
        make_encoder(),
        make_encoder("g"),
        make_encoder(encoder_prefix="query: "),
        make_encoder(max_text_tokens=9),
    ]
    assert len({encoder.folder for encoder in encoders}) == 4


def test_a_run_that_was_stopped_goes_on_from_its_last_index(make_encoder, monkeypatch):
    monkeypatch.setattr(module, "BATCH_SIZE", 1)
    monkeypatch.setattr(module, "SAVE_EVERY", 1)
    states, calls = MultilingualEncoder._states, []

    def stopped(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return states(self, *arguments)

    encoder = make_encoder()
    monkeypatch.setattr(MultilingualEncoder, "_states", stopped)
    with pytest.raises(KeyboardInterrupt):
        encoder.fill(READ)
    monkeypatch.setattr(MultilingualEncoder, "_states", states)
    with (encoder.folder / STATES).open("ab") as file:
        file.write(b"half a row")
    expected = MultilingualEncoder.forward(encoder, READ)
    again = make_encoder()
    again.fill(READ)
    again.open()
    monkeypatch.setattr(MultilingualEncoder, "_states", no_model)
    found = again(READ)
    real = expected.mask
    # The texts were read in other batches than by the reference, so the last bit may differ.
    torch.testing.assert_close(found.layer_states[real], expected.layer_states[real], rtol=0, atol=2e-3)


@pytest.mark.parametrize("content", ["{", "[]", '{"texts": {"a": 1}}', '{"texts": [1]}'])
def test_a_damaged_index_is_refused_with_what_to_do(make_encoder, content):
    encoder = make_encoder()
    encoder.fill(READ)
    (encoder.folder / INDEX).write_text(content)
    with pytest.raises(DataError, match="Remove its folder: rm -r"):
        make_encoder().fill(READ)


def test_states_that_were_cut_off_are_refused(make_encoder):
    encoder = make_encoder()
    encoder.fill(READ)
    file = encoder.folder / STATES
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(DataError, match="shorter than its index says"):
        make_encoder().open()


def test_a_folder_that_cannot_be_written_is_said(make_encoder, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError, match="name another folder with --state-cache"):
        make_encoder().fill(READ)


def test_a_token_takes_two_bytes_a_number(make_encoder):
    encoder = make_encoder()
    encoder.fill(READ)
    index = json.loads((encoder.folder / INDEX).read_text())["texts"]
    tokens = sum(length for _, length in index.values())
    numbers = np.fromfile(encoder.folder / STATES, np.float16)
    assert len(numbers) == tokens * (encoder.num_layers + 1) * encoder.width


def test_with_a_state_cache_the_encoder_reads_the_training_texts_once(data, tmp_path, monkeypatch):
    read = []
    states = MultilingualEncoder._states
    monkeypatch.setattr(
        MultilingualEncoder, "_states", lambda self, texts, *a: read.extend(texts) or states(self, texts, *a)
    )
    # Small steps: large ones blow up the last bits that half precision rounds away.
    rates = ("--learning-rate", "1e-4", "--warm-start-learning-rate", "1e-4")
    recipe = (*rates, "--sentence-tokens", "1", "--warm-start-epochs", "3", "--epochs", "2", "--state-cache")
    for fusion in ("global-softmax", "transformer-softmax"):
        options = (*recipe, str(tmp_path / "states"), "--fusion", fusion)
        assert main(arguments(data, tmp_path / fusion, *options)) == 0
    trained = {json.loads(line)["text"] for line in (data / "train.en.jsonl").open()}
    dev = {json.loads(line)["text"] for line in (data / "dev.en.jsonl").open()}
    # The dev texts are among the training texts here, so they are found as well.
    assert dev <= trained
    assert len(read) == len(trained)
    plain = arguments(data, tmp_path / "plain", *recipe[:-1], "--fusion", "global-softmax")
    assert main(plain) == 0
    cached, reference = (
        load_file(tmp_path / name / "model.safetensors") for name in ("global-softmax", "plain")
    )
    assert cached["fusion.weights"].tolist() == pytest.approx(reference["fusion.weights"].tolist(), abs=5e-5)
    found, expected = (log_lines(tmp_path / name)[0]["loss"] for name in ("global-softmax", "plain"))
    assert found == pytest.approx(expected, abs=1e-3)
