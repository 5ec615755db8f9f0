import numpy as np
import pytest
import torch

from fusion_demo.compiled import CompiledLLM, graph_of, write_graph
from fusion_demo.errors import ModelError
from fusion_demo.grouped_attention import GROUPED
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.tiny import build_tiny_llm

from .conftest import build_packed_llm


def embeddings_of(model, ids):
    return model.get_input_embeddings()(torch.tensor([ids]))


@torch.no_grad()
def reference(model, ids):
    """The logits behind the last of plain token ids, (1, V): no cache, no embeddings."""
    return model(input_ids=torch.tensor([ids])).logits[:, -1]


def close(logits, expected):
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 40, 150])
def test_reading_gives_the_logits_of_torch(packed_llm, compiled_llm, length):
    ids = [5 + i * 7 % 90 for i in range(length)]
    logits = compiled_llm.start().read(embeddings_of(packed_llm, ids))
    assert logits.shape == (1, packed_llm.config.vocab_size)
    close(logits, reference(packed_llm, ids))


def test_reading_in_pieces_equals_reading_at_once(packed_llm, compiled_llm):
    ids = [40, 41, 50, 60, 61, 62, 70]
    reading = compiled_llm.start()
    for start, end in ((0, 1), (1, 2), (2, 6), (6, 7)):
        logits = reading.read(embeddings_of(packed_llm, ids[start:end]))
        close(logits, reference(packed_llm, ids[:end]))


@torch.no_grad()
def test_a_prefix_that_torch_has_read_goes_before(packed_llm, compiled_llm):
    prefix = packed_llm(input_ids=torch.tensor([[0, 30, 31, 32]]), use_cache=True).past_key_values
    for ids in ([40], [50, 51, 52]):
        logits = compiled_llm.start(prefix).read(embeddings_of(packed_llm, ids))
        close(logits, reference(packed_llm, [0, 30, 31, 32, *ids]))
    assert prefix.get_seq_length() == 4  # nothing was added to it


def test_rows_that_are_read_in_turn_do_not_see_one_another(packed_llm, compiled_llm):
    first, second = compiled_llm.start(), compiled_llm.start()
    first.read(embeddings_of(packed_llm, [40, 41]))
    second.read(embeddings_of(packed_llm, [60, 61, 62]))
    close(first.read(embeddings_of(packed_llm, [42])), reference(packed_llm, [40, 41, 42]))
    close(second.read(embeddings_of(packed_llm, [63])), reference(packed_llm, [60, 61, 62, 63]))


def test_embeddings_of_a_training_or_of_another_format_are_read(packed_llm, compiled_llm):
    embeddings = embeddings_of(packed_llm, [40, 41])
    expected = reference(packed_llm, [40, 41])
    close(compiled_llm.start().read(embeddings.clone().requires_grad_() * 1), expected)
    close(compiled_llm.start().read(embeddings.double()), expected)


def test_logits_stay_when_more_is_read(packed_llm, compiled_llm):
    reading = compiled_llm.start()
    first = reading.read(embeddings_of(packed_llm, [40]))
    kept = first.clone()
    reading.read(embeddings_of(packed_llm, [41]))
    assert torch.equal(first, kept)


def test_an_llm_that_is_in_use_is_written_like_any_other(tmp_path):
    model = build_packed_llm()
    FrozenLLM(model, build_tiny_llm()[1])
    assert model.config._attn_implementation == GROUPED
    assert write_graph(model, tmp_path, fingerprint="f1")
    reading = CompiledLLM(tmp_path / "openvino_llm.xml", fingerprint="f1").start()
    close(reading.read(embeddings_of(model, [40, 41, 42])), reference(model, [40, 41, 42]))


def test_the_matrices_take_the_bits_that_they_came_in(packed_llm, tmp_path):
    write_graph(packed_llm, tmp_path, fingerprint="f1")
    weights = (tmp_path / "openvino_llm.bin").stat().st_size
    assert weights < sum(parameter.nbytes for parameter in packed_llm.parameters()) / 2


def test_an_llm_that_was_never_packed_gets_no_graph(tmp_path):
    model, _ = build_tiny_llm()
    assert not write_graph(model, tmp_path, fingerprint="f1")
    assert list(tmp_path.iterdir()) == []
    assert graph_of(tmp_path) is None


def test_nor_does_one_with_a_single_matrix_that_was_not(tmp_path):
    model = build_packed_llm()
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight[3, 5] += 1e-4
    assert not write_graph(model, tmp_path, fingerprint="f1")


def test_another_llms_graph_is_refused(tmp_path):
    write_graph(build_packed_llm(), tmp_path, fingerprint="f1")
    path = graph_of(tmp_path)
    with pytest.raises(ModelError, match=r"made of another LLM than lies beside it\. Delete it, and torch"):
        CompiledLLM(path, fingerprint="f2")


@pytest.mark.parametrize("damage", ["<net", "", "<?xml version='1.0'?><net name='a' version='11'></net>"])
def test_what_is_no_graph_is_refused(tmp_path, damage):
    path = tmp_path / "openvino_llm.xml"
    path.write_text(damage)
    with pytest.raises(ModelError, match="Delete it, and torch answers"):
        CompiledLLM(path, fingerprint="f1")


def test_weights_that_are_missing_or_cut_short_are_refused(tmp_path):
    write_graph(build_packed_llm(), tmp_path, fingerprint="f1")
    weights = tmp_path / "openvino_llm.bin"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be read or compiled"):
        CompiledLLM(graph_of(tmp_path), fingerprint="f1")
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be read or compiled"):
        CompiledLLM(graph_of(tmp_path), fingerprint="f1")


def test_the_model_itself_is_left_as_it_was(tmp_path):
    model = build_packed_llm()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    logits = reference(model, [40, 41])
    write_graph(model, tmp_path, fingerprint="f1")
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name].numpy())
    assert torch.equal(reference(model, [40, 41]), logits)
