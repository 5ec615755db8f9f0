"""Labelled texts of the tasks: from the Hugging Face Hub, or from a folder.

example.py     `Example`: a text, its label, its row
jsonl.py       files of our own: one JSON object per line, one file per split and language
hub.py         the hub's data sets, and copies of them in a folder
examples.py    which of them is read, and the seeded samples
"""

from fusion_demo.data.example import Example
from fusion_demo.data.examples import (
    available_languages,
    describe_training_data,
    read_examples,
    read_languages,
    read_training_examples,
    write_command,
)
from fusion_demo.data.jsonl import jsonl_languages

__all__ = [
    "Example",
    "available_languages",
    "describe_training_data",
    "jsonl_languages",
    "read_examples",
    "read_languages",
    "read_training_examples",
    "write_command",
]
