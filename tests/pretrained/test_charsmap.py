import random

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from fusion_demo.pretrained.charsmap import build_charsmap

CHARACTERS = st.characters(min_codepoint=1, exclude_categories=["Cs"])


def normalise(table: dict[str, str], text: str) -> str:
    return normalizers.Precompiled(build_charsmap(table)).normalize_str(text)


def test_the_worked_example():
    assert normalise({"ﬁ": "fi"}, "ﬁsh") == "fish"


def test_an_empty_replacement_deletes():
    assert normalise({"\u00ad": ""}, "co\u00adoperate") == "cooperate"


def test_characters_of_one_to_four_bytes():
    table = {"a": "1", "é": "2", "ක": "3", "😀": "4"}
    assert normalise(table, "xaéක😀y") == "x1234y"


def test_every_character_of_a_large_table_is_found_and_no_other():
    chosen = random.Random(0).sample([c for c in range(1, 0x20000) if not 0xD800 <= c < 0xE000], 6000)
    table = {chr(c): f"<{i % 97}>" for i, c in enumerate(chosen[:3000])}
    normaliser = normalizers.Precompiled(build_charsmap(table))
    for c in map(chr, chosen):
        assert normaliser.normalize_str(c) == table.get(c, c)


@given(st.dictionaries(CHARACTERS, st.text(CHARACTERS, max_size=3), min_size=1, max_size=30), CHARACTERS)
def test_any_table_replaces_its_characters_and_leaves_others(table, other):
    normaliser = normalizers.Precompiled(build_charsmap(table))
    for character in [*table, other]:
        assert normaliser.normalize_str(character) == table.get(character, character)
