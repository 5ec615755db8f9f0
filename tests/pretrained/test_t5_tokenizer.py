import io

import pytest
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from fusion_demo.pretrained.t5_tokenizer import mend_t5_tokenizer

SENTENCE = "the cat sat on the mat and the dog ran far away from our green house by the river"
TEXTS = ["the cat", "the ශ්‍රී cat", "🫠🫡 dog", "tthe  cat\tate", "ﬁsh", "Ｄog", ""]


def byte_tokenizer(pieces: int) -> PreTrainedTokenizerFast:
    """A Unigram tokenizer with byte pieces for the bytes below `pieces`, fallback switched off."""
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("a", -3.0)]
    vocabulary += [(f"<0x{byte:02X}>", -9.0) for byte in range(pieces)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")


def test_an_unknown_character_is_spelt_in_bytes():
    tokenizer = byte_tokenizer(256)
    assert tokenizer.tokenize("aé") == ["▁", "a", "é"]
    assert tokenizer("aé")["input_ids"][-1] == tokenizer.unk_token_id
    mend_t5_tokenizer(tokenizer, 300)
    assert tokenizer.tokenize("aé") == ["▁", "a", "<0xC3>", "<0xA9>"]


def test_without_all_byte_pieces_nothing_changes():
    tokenizer = byte_tokenizer(255)
    before = tokenizer.backend_tokenizer.to_str()
    mend_t5_tokenizer(tokenizer, 300)
    assert tokenizer.backend_tokenizer.to_str() == before


@pytest.fixture(scope="module")
def spiece(tmp_path_factory):
    """A folder with nothing but a SentencePiece model, as google/mt5-large publishes its tokenizer."""
    folder = tmp_path_factory.mktemp("mt5")
    model = io.BytesIO()
    words = SENTENCE.split()
    sentences = [" ".join(words[i % 17 :] + words[: i % 5]) for i in range(400)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        vocab_size=285,
        model_type="unigram",
        byte_fallback=True,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    (folder / "spiece.model").write_bytes(model.getvalue())
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer"}')
    return folder


def test_ids_equal_those_of_sentencepiece(spiece):
    tokenizer = AutoTokenizer.from_pretrained(spiece, extra_ids=0)
    mend_t5_tokenizer(tokenizer, 300)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(spiece / "spiece.model"))
    for text in TEXTS:
        assert tokenizer(text)["input_ids"] == [*reference.encode(text), 1], text


def test_sentinels_without_an_embedding_are_dropped(spiece):
    tokenizer = AutoTokenizer.from_pretrained(spiece)
    text = "".join(f"<extra_id_{i}>" for i in range(100))
    assert max(tokenizer(text)["input_ids"]) >= 300
    mend_t5_tokenizer(tokenizer, 300)
    assert max(tokenizer(text)["input_ids"]) == 299


def test_sentinels_with_an_embedding_are_kept(spiece):
    tokenizer = AutoTokenizer.from_pretrained(spiece)
    before = tokenizer("<extra_id_99> cat")["input_ids"]
    mend_t5_tokenizer(tokenizer, 400)
    assert tokenizer("<extra_id_99> cat")["input_ids"] == before
