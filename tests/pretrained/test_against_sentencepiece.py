"""Composed texts through the converted encoder's normaliser, against SentencePiece's nmt_nfkc.

The encoder's own table replaces single characters; what SentencePiece makes of sequences is composition.
"""

import unicodedata

import pytest
import sentencepiece

from fusion_demo.input_text import composed
from fusion_demo.pretrained import load_encoder

pytestmark = pytest.mark.embedded

LETTERS = [
    chr(code)
    for code in range(0x10000)
    if unicodedata.decomposition(chr(code)) and "<" not in unicodedata.decomposition(chr(code))
]
"""All characters that are composed of others, canonically, in the plane of our languages' scripts."""


@pytest.fixture(scope="module")
def ours():
    """What the embedded encoder reads of a text behind another letter."""
    normaliser = load_encoder("embedded:multilingual-e5-small").tokenizer.backend_tokenizer.normalizer
    return lambda text: normaliser.normalize_str(composed(f"x{text}")).rstrip()


@pytest.fixture(scope="module")
def rules():
    """SentencePiece's."""
    return sentencepiece.SentencePieceNormalizer(
        rule_name="nmt_nfkc", add_dummy_prefix=False, escape_whitespaces=False
    )


@pytest.fixture(scope="module")
def original(rules):
    """What it makes of a text behind another letter."""
    return lambda text: rules.normalize(f"x{text}").rstrip()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_every_composed_letter_is_what_it_is_there(form, ours, original):
    texts = [unicodedata.normalize(form, letter) for letter in LETTERS if letter != "\u0344"]
    assert [ascii(text) for text in texts if ours(text) != original(text)] == []


def test_every_canonical_sequence_that_it_replaces_is_what_it_is_there(ours, original, rules):
    """Half-composed letters, and marks in any order, as some keyboards send them."""
    sequences = [
        sequence
        for sequence, _ in rules.Decompile()
        if len(sequence) > 1
        and max(sequence) < "\U00010000"
        and not any("<" in unicodedata.decomposition(sign) for sign in sequence)
    ]
    assert len(sequences) > 1_000
    signs = {sign for sequence in sequences for sign in sequence}
    newer = {sign for sign in signs if ours(sign) != original(sign)}  # than the encoder's table
    wrong = [text for text in sequences if not newer & set(text) and ours(text) != original(text)]
    assert list(map(ascii, wrong)) == []
