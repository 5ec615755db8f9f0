import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fusion_demo.errors import CheckpointError
from fusion_demo.tensors import read_tensors, write_tensors

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(1.5)}
SHAPES = {"a": (2, 3), "b": ()}


@pytest.fixture
def path(tmp_path):
    write_tensors(tmp_path / "t.safetensors", TENSORS, note="a note")
    return tmp_path / "t.safetensors"


def test_round_trip(path):
    tensors, note = read_tensors(path, SHAPES)
    assert note == "a note"
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (SHAPES | {"c": (1,)}, "lacks the tensor 'c'"),
        ({"a": (2, 3)}, "holds an unknown tensor 'b'"),
        (SHAPES | {"a": (3, 2)}, r"'a' has shape \(2, 3\), but the bridge needs \(3, 2\)"),
    ],
)
def test_other_tensors_than_expected_are_refused(path, expected, message):
    with pytest.raises(CheckpointError, match=message):
        read_tensors(path, expected)


def test_swapped_tensors_are_noticed(path):
    swapped = {"a": TENSORS["a"].flip(0), "b": TENSORS["b"]}
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(swapped, path, metadata=metadata)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_tensors(path, SHAPES)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32])
def test_another_type_is_noticed(path, dtype):
    save_file({name: value.to(dtype) for name, value in TENSORS.items()}, path)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_tensors(path, SHAPES)
