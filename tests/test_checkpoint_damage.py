"""Thousands of damaged checkpoints: each is refused in one sentence, or loads to the very same bridge."""

import json
import random
import resource
import struct

import pytest
import torch

from fusion_demo.checkpoint import list_checkpoints, load_checkpoint, read_checkpoint_info
from fusion_demo.errors import CheckpointError

FILES = ("model.safetensors", "config.json", "metrics.json")
PARTS, MUTATIONS = 10, 200  # of each part
LONGEST_MESSAGE = 1_500
LARGEST_GROWTH = 200 * 2**20

VALUES = (None, True, -1, 0, 10**18, 1e308, "", "../../etc/passwd", "a\x00b", [], {}, [[]] * 9, "9" * 5000)


def truncate(content, chance):
    return content[: chance.randrange(len(content))]


def flip(content, chance):
    spoilt = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 20))):
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def overwrite(content, chance):
    start = chance.randrange(len(content))
    return content[:start] + chance.randbytes(chance.randrange(1, 200)) + content[start + 50 :]


def repeat(content, chance):
    start = chance.randrange(len(content))
    return content[:start] + content[start // 2 : start] + content[start:]


def edit_json(content, chance):
    """Change, drop or add a value somewhere in a JSON object."""
    value = json.loads(content)
    place = value
    while True:
        inner = [key for key, child in place.items() if isinstance(child, dict) and child]
        if not inner or chance.random() < 0.3:
            break
        place = place[chance.choice(inner)]
    key = chance.choice([*place, "new"])
    if chance.random() < 0.3:
        place.pop(key, None)
    else:
        place[key] = chance.choice(VALUES)
    return json.dumps(value).encode()


def edit_header(content, chance):
    """Change what a safetensors file says of its tensors: names, types, shapes, places, or its own length."""
    (length,) = struct.unpack("<Q", content[:8])
    if chance.random() < 0.2:
        return struct.pack("<Q", chance.choice((0, 1, length + 1, 2**31, 2**63, 2**64 - 1))) + content[8:]
    header = json.loads(content[8 : 8 + length])
    name = chance.choice(list(header))
    what = chance.randrange(5)
    if what == 0:
        header[chance.choice(("../x", "fusion.new", "", "x" * 9999))] = header.pop(name)
    elif what == 1:
        other = chance.choice(list(header))
        header[name], header[other] = header[other], header[name]
    elif what == 2 and name != "__metadata__":
        header[name]["dtype"] = chance.choice(("F16", "I32", "BF16", "F64", "X"))
    elif what == 3 and name != "__metadata__":
        header[name]["shape"] = chance.choice(([], [0], [2**40], [-1], header[name]["shape"][::-1]))
    elif name != "__metadata__":
        header[name]["data_offsets"] = [chance.randrange(2**33), chance.randrange(2**33)]
    else:
        header[name] = {"sha256": "0" * 64, "note": "x"}
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + content[8 + length :]


def load(folder, models):
    """Return the bridge, or None and why not."""
    try:
        return load_checkpoint(folder, models), ""
    except CheckpointError as error:
        return None, str(error)


@pytest.fixture(scope="module")
def whole(tiny_checkpoints):
    return {name: (tiny_checkpoints / "news-second" / name).read_bytes() for name in FILES}


@pytest.fixture
def folder(whole, tmp_path):
    copy = tmp_path / "spoilt"
    copy.mkdir()
    for name, content in whole.items():
        (copy / name).write_bytes(content)
    return copy


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_damaged_checkpoint_is_refused_or_is_the_same(part, whole, folder, tiny_models):
    chance = random.Random(part)
    expected = load_checkpoint(folder, tiny_models)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for number in range(MUTATIONS):
        name = chance.choices(FILES, (5, 4, 1))[0]
        ways = (truncate, flip, overwrite, repeat)
        ways += (edit_header,) * 4 if name == FILES[0] else (edit_json,) * 4
        way = chance.choice(ways)
        (folder / name).write_bytes(way(whole[name], chance))
        bridge, message = load(folder, tiny_models)
        if bridge is None:
            refused += 1
            assert "\n" not in message, (number, way, message)
            assert len(message) < LONGEST_MESSAGE, (number, way, message)
        else:
            assert bridge.config == expected.config, (number, way)
            found = bridge.trained_state()
            for key, value in expected.trained_state().items():
                assert torch.equal(found[key], value), (number, way, key)
        (folder / name).write_bytes(whole[name])
    assert refused > 0.4 * MUTATIONS
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < LARGEST_GROWTH


def test_files_of_another_checkpoint_are_refused(tiny_checkpoints, folder, whole, tiny_models):
    for name in FILES[:2]:
        for other in ("news-first", "news-third", "topics", "pairs"):
            (folder / name).write_bytes((tiny_checkpoints / other / name).read_bytes())
            with pytest.raises(CheckpointError):
                load_checkpoint(folder, tiny_models)
            (folder / name).write_bytes(whole[name])


def test_a_pickle_is_never_read(folder, tiny_models, tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harmed"), "w"))

    torch.save({"projection.boundary": Harm()}, folder / FILES[0])
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        load_checkpoint(folder, tiny_models)
    assert not (tmp_path / "harmed").exists()


def test_what_only_looks_like_a_checkpoint_is_passed_over_or_named(tmp_path):
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "config.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    assert list_checkpoints(tmp_path) == []
    (tmp_path / "empty" / "config.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointError, match="is not valid JSON"):
        read_checkpoint_info(tmp_path / "empty")
