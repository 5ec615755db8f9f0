import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from fusion_demo.tokens import Token, read_tokens

PIECES = [
    *(
        "<s>",
        "</s>",
        "<unk>",
        "▁",
        "▁go",
        "od",
        "▁day",
        "▁ශ්‍රී",
        "▁ලං",
        "කා",
        "▁東",
        "京",
        "は",
        "a",
        ":",
        "▁query",
    ),
]


@pytest.fixture(scope="module")
def tokenizer():
    scores = [(piece, 0.0 if i < 3 else -1.0 - 0.01 * i) for i, piece in enumerate(PIECES)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=2))
    tokenizer.normalizer = normalizers.Replace("ﬁ", "a")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return tokenizer


def read(tokenizer, text, skip=0):
    return read_tokens(text, tokenizer.encode(text), 2, skip)


def test_the_docstrings_example(tokenizer):
    assert read(tokenizer, "good day") == [
        Token("<s>", -1, special=True),
        Token("go", 0),
        Token("od", 0),
        Token("day", 1),
        Token("</s>", -1, special=True),
    ]


def test_sinhala_words_are_not_cut_at_their_joiners(tokenizer):
    tokens = [t for t in read(tokenizer, "ශ්‍රී ලංකා") if not t.special]
    assert [(t.text, t.word) for t in tokens] == [("ශ්‍රී", 0), ("ලං", 1), ("කා", 1)]


def test_in_scripts_without_spaces_every_piece_is_a_word(tokenizer):
    tokens = [t for t in read(tokenizer, "東京は a") if not t.special]
    assert [t.word for t in tokens if t.text != "▁"] == [0, 1, 2, 3]


def test_what_the_encoder_does_not_know_is_marked(tokenizer):
    tokens = [t for t in read(tokenizer, "good ☃") if not t.special]
    assert [t.unknown for t in tokens if t.text in ("go", "od")] == [False, False]
    assert next(t for t in tokens if t.unknown).text == "☃"


def test_a_skipped_prefix_leaves_no_token_and_no_word(tokenizer):
    plain = read(tokenizer, "good day")
    assert read(tokenizer, "query: good day", skip=len("query:")) == plain


def test_padding_is_left_out(tokenizer):
    tokenizer.enable_padding(length=9)
    try:
        assert len(read(tokenizer, "good day")) == 5
    finally:
        tokenizer.no_padding()


def test_several_spaces_make_one_boundary_and_belong_to_the_next_word(tokenizer):
    tokens = [(t.text, t.word) for t in read(tokenizer, "good   day") if not t.special]
    assert tokens == [("go", 0), ("od", 0), ("▁", 1), ("▁", 1), ("day", 1)]
