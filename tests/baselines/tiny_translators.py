"""Random NLLB, M2M100 and Marian models of a few thousand weights, saved as folders."""

import io
import json
from pathlib import Path

import torch
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    NllbTokenizer,
)

SENTENCES = ["good day to the dog", "a day in the sun", "ලංකාව ජය ගනී", "वर्षा होगी", "<>_/|0123456789"] * 4
SIZES = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 600,
    "init_std": 0.6,
    "tie_word_embeddings": False,
}


def save_nllb(folder: Path) -> Path:
    """Every ASCII, Devanagari and Sinhala character is a piece; the 202 language codes of NLLB follow."""
    letters = [chr(code) for block in ((33, 127), (0x900, 0x980), (0xD80, 0xE00)) for code in range(*block)]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *letters]
    tokenizer = NllbTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[])
    config = M2M100Config(vocab_size=len(tokenizer), **SIZES)
    return _save(folder, M2M100ForConditionalGeneration, config, tokenizer)


def save_m2m100(folder: Path) -> Path:
    """SentencePiece pieces; the 100 languages of M2M100 follow."""
    files = _sentencepiece(folder)
    tokenizer = M2M100Tokenizer(vocab_file=str(files["vocab"]), spm_file=str(files["spm"]))
    config = M2M100Config(vocab_size=tokenizer.encoder_size + 100 + tokenizer.num_madeup_words, **SIZES)
    return _save(folder, M2M100ForConditionalGeneration, config, tokenizer)


def save_marian(folder: Path, source: str = "mul", target: str = "en") -> Path:
    """SentencePiece pieces, and no token for a language."""
    files = _sentencepiece(folder)
    spm = str(files["spm"])
    tokenizer = MarianTokenizer(
        source_spm=spm, target_spm=spm, vocab=str(files["vocab"]), source_lang=source, target_lang=target
    )
    pad = tokenizer.pad_token_id
    config = MarianConfig(
        vocab_size=tokenizer.vocab_size,
        pad_token_id=pad,
        decoder_start_token_id=pad,
        eos_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None,
        bos_token_id=None,
        **SIZES,
    )
    return _save(folder, MarianMTModel, config, tokenizer)


def _save(folder: Path, model_class: type, config, tokenizer) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model_class(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _sentencepiece(folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=90,
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
    )
    processor = SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [processor.id_to_piece(index) for index in range(processor.get_piece_size())]
    names = ["<s>", "<pad>", "</s>", "<unk>", *(p for p in pieces if p not in ("<s>", "</s>", "<unk>"))]
    files = {"spm": folder / "pieces.model", "vocab": folder / "pieces.json"}
    files["spm"].write_bytes(model.getvalue())
    files["vocab"].write_text(json.dumps({name: i for i, name in enumerate(names)}), encoding="utf-8")
    return files
