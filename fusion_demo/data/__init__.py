"""Local data files: one JSON object per line, one file per split and language."""

from fusion_demo.data.examples import Example, available_languages, read_examples, read_languages

__all__ = ["Example", "available_languages", "read_examples", "read_languages"]
