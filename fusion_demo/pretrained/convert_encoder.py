"""Turn an E5S1 file into a Hugging Face model and tokenizer.

The tokenizer follows the file's own tables: characters are replaced one by one, runs of
spaces become one, "▁" stands for a space and begins every text, then Unigram pieces,
between `<s>` and `</s>` (XLM-RoBERTa's form). Every unknown character is a token of its own;
`Unigram` alone would make one of a whole run of them, hence the split around each.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from fusion_demo.errors import ModelError
from fusion_demo.pretrained.charsmap import build_charsmap
from fusion_demo.pretrained.e5_format import E5File, E5Tokenizer, read_e5_file

_MASK = "<mask>"

# Removed by the table itself, and a boundary between user-perceived characters.
_SEPARATOR = "\x01"

_LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def convert_encoder(source: Path, folder: Path) -> None:
    """Write the encoder of an E5S1 file to `folder` as an ordinary Hugging Face model.

    Raises:
        ModelError: the file is damaged or does not hold this encoder.
    """
    file = read_e5_file(source)
    build_encoder(file).save_pretrained(folder)
    build_tokenizer(file.tokenizer, file.header.positions).save_pretrained(folder)


def build_encoder(file: E5File) -> BertModel:
    """Return the BERT model (no pooling layer, float32) with the file's weights.

    Raises:
        ModelError: a tensor is missing, unknown, or of another size than the header says.
    """
    header = file.header
    config = BertConfig(
        vocab_size=header.vocabulary,
        hidden_size=header.width,
        num_hidden_layers=header.layers,
        num_attention_heads=header.heads,
        intermediate_size=header.feedforward_width,
        max_position_embeddings=header.positions,
        type_vocab_size=header.token_types,
        layer_norm_eps=header.layer_norm_epsilon,
        pad_token_id=file.tokenizer.pad,
        bos_token_id=file.tokenizer.bos,
        eos_token_id=file.tokenizer.eos,
    )
    model = BertModel(config, add_pooling_layer=False)
    targets = dict(model.named_parameters())
    sources = {bert_name(name): tensor for name, tensor in file.tensors.items()}
    if sources.keys() != targets.keys():
        different = sorted(sources.keys() ^ targets.keys())
        raise ModelError(f"The encoder file lacks or adds tensors: {', '.join(different[:5])}.")
    with torch.no_grad():
        for name, target in targets.items():
            if sources[name].size != target.numel():
                raise ModelError(
                    f"Tensor {name} has {sources[name].size} values, its header says {target.numel()}."
                )
            target.copy_(torch.tensor(sources[name]).reshape(target.shape))
    return model


def bert_name(name: str) -> str:
    """Return BERT's name of an E5S1 tensor.

    Example: "l3.aln.w" -> "encoder.layer.3.attention.output.LayerNorm.weight".

    Raises:
        ModelError: the name is unknown.
    """
    if name in _EMBEDDING_NAMES:
        return _EMBEDDING_NAMES[name]
    match = re.fullmatch(r"l(\d+)\.(\w+)\.([wb])", name)
    if match is None or match[2] not in _LAYER_NAMES:
        raise ModelError(f"The encoder file holds an unknown tensor '{name}'.")
    kind = {"w": "weight", "b": "bias"}[match[3]]
    return f"encoder.layer.{match[1]}.{_LAYER_NAMES[match[2]]}.{kind}"


def build_tokenizer(source: E5Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """Return the tokenizer of an E5S1 file; at most `max_length` tokens fit the model's positions."""
    names = [piece for piece, _ in source.pieces]
    bos, eos, pad, unk = (names[i] for i in (source.bos, source.eos, source.pad, source.unk))
    tokenizer = Tokenizer(models.Unigram(source.pieces, unk_id=source.unk, byte_fallback=False))
    tokenizer.normalizer = build_normaliser(source.normaliser)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
            pre_tokenizers.Split(Regex(f"[^{_character_class(''.join(names))}]"), behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, source.bos), (eos, source.eos)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=eos,
        cls_token=bos,
        sep_token=eos,
        pad_token=pad,
        unk_token=unk,
        mask_token=AddedToken(_MASK, lstrip=True) if _MASK in names else None,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
    )


def build_normaliser(table: dict[str, str]) -> normalizers.Normalizer:
    """Return the normaliser that replaces each character by the table and joins runs of spaces.

    `Precompiled` looks up whole grapheme clusters of up to five bytes first and replaces a
    cluster by what its first character maps to, which would lose the accent of "ª́". A
    separator behind every replaced character keeps each one a cluster of its own; the table
    deletes the separator again.
    """
    return normalizers.Sequence(
        [
            normalizers.Replace(Regex(f"(?<=[{_character_class(set(table) - {_SEPARATOR})}])"), _SEPARATOR),
            normalizers.Precompiled(build_charsmap({**table, _SEPARATOR: ""})),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )


def _character_class(characters: Iterable[str]) -> str:
    """Return the inside of a regular expression's [...] that matches these characters.

    Neighbours are joined to ranges: the regular expression engine takes at most 10,000 of them.
    """
    ranges: list[list[int]] = []
    for code_point in sorted(set(map(ord, characters))):
        if ranges and code_point == ranges[-1][1] + 1:
            ranges[-1][1] = code_point
        else:
            ranges.append([code_point, code_point])
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges)
