"""Reads labelled texts from `{split}.{language}.jsonl`.

Format: UTF-8, one JSON object per line with the string "label" and one string for each of the task's fields,
"text" for most tasks; other fields are ignored.
Example: the line `{"text": "Rain ends the test match", "label": "sports"}` in `train.en.jsonl`.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fusion_demo.errors import DataError, unknown_name
from fusion_demo.languages import get_language
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text

MAX_LINE_BYTES = 1_000_000


@dataclass(frozen=True)
class Example:
    """One labelled text, or pair of texts.

    Attributes:
        text: The text; of a pair both parts, in the order of the task's fields.
        label: One of the task's labels.
        row: Which example of its file or data set it is, counted from 0 before any sample is drawn.
    """

    text: Text
    label: str
    row: int = 0

    @property
    def characters(self) -> int:
        """Length of the text, both parts of a pair together, in characters."""
        return len(self.text) if isinstance(self.text, str) else sum(map(len, self.text))


def available_languages(folder: Path, split: str) -> list[str]:
    """Return the language codes that a folder holds files of a split for, sorted.

    Raises:
        DataError: the folder is missing, or holds no file of that split.
    """
    if not folder.is_dir():
        raise DataError(
            f"There is no data folder {folder}. Give the one that holds {split}.<language>.jsonl."
        )
    names = sorted(path.name for path in folder.glob("*.jsonl") if path.is_file())
    prefix, suffix = f"{split}.", ".jsonl"
    languages = [name[len(prefix) : -len(suffix)] for name in names if name.startswith(prefix)]
    if not languages:
        raise DataError(
            f"{folder} holds no {split}.<language>.jsonl. "
            f"Files there: {', '.join(names) or 'no .jsonl file at all'}."
        )
    return languages


def read_examples(
    folder: Path, task: Task, split: str, language: str, *, max_examples: int = 0, seed: int = 0
) -> list[Example]:
    """Read one file, or a sample of it, in the order of the file.

    Args:
        folder: Folder of the data set.
        task: Says which fields make up a text, and which labels may occur.
        split: "train", "dev" or "test".
        language: Language code, as in the file's name.
        max_examples: Rows to keep; 0 keeps all. The sample depends on the seed and the number of rows
            alone, so it is the same on every machine.
        seed: Seed of the sample.

    Raises:
        DataError: the folder or file is missing or empty, or a line is malformed, lacks a field of the
            task, or has a label that is none of the task's. The message names the file and the line.
    """
    languages = available_languages(folder, split)
    if language not in languages:
        raise DataError(f"{folder} ({split}): {unknown_name('language', language, languages)}")
    path = folder / f"{split}.{language}.jsonl"
    examples = [
        _example(line, task, row, f"{path}:{number}") for row, (number, line) in enumerate(_lines(path))
    ]
    if not examples:
        raise DataError(f"{path} holds no examples. Fetch the data set again.")
    if 0 < max_examples < len(examples):
        kept = random.Random(seed).sample(range(len(examples)), max_examples)
        examples = [examples[index] for index in sorted(kept)]
    return examples


def read_languages(
    folder: Path,
    task: Task,
    split: str,
    languages: Sequence[str],
    *,
    max_examples: int = 0,
    seed: int = 0,
) -> dict[str, list[Example]]:
    """Read the same split in several languages.

    Args:
        folder: Folder of the data set.
        task: Says which fields make up a text, and which labels may occur.
        split: "dev" or "test".
        languages: Language codes; empty means all that the folder holds.
        max_examples: Rows to keep of each language; 0 keeps all.
        seed: Seed of the samples.

    Returns:
        Language code → examples, in the order of `languages`.

    Raises:
        DataError: see `read_examples`.
        ConfigError: a language is none of `fusion_demo.languages`.
    """
    examples = {
        code: read_examples(folder, task, split, code, max_examples=max_examples, seed=seed)
        for code in languages or available_languages(folder, split)
    }
    for code in examples:
        get_language(code)
    return examples


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield line numbers from 1 and lines, blank ones left out."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise DataError(
                    f"{path}:{number}: the line is longer than {MAX_LINE_BYTES:,} bytes. "
                    "Is every object on its own line?"
                )
            if line.strip():
                yield number, line


def _example(line: bytes, task: Task, row: int, where: str) -> Example:
    try:
        values = json.loads(line.decode("utf-8-sig"))  # -sig: some editors open a file with a byte order mark
    except UnicodeDecodeError:
        raise DataError(f"{where}: the line is not UTF-8. Save the file as UTF-8.") from None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise DataError(f"{where}: the line is not a JSON object. Correct or remove it.")
    for name in (*task.fields, "label"):
        if not isinstance(values.get(name), str):
            raise DataError(
                f"{where}: there is no string '{name}'. Fields there: {', '.join(sorted(values)) or 'none'}."
            )
    for name in task.fields:
        if not values[name].strip():
            raise DataError(f"{where}: the {name} is empty. Correct or remove the line.")
        if any("\ud800" <= character <= "\udfff" for character in values[name]):
            raise DataError(
                f"{where}: the {name} holds half of a surrogate pair. Correct or remove the line."
            )
    if values["label"] not in task.labels:
        raise DataError(f"{where}: {unknown_name('label', values['label'], task.labels)}")
    if len(task.fields) == 1:
        return Example(values[task.fields[0]], values["label"], row)
    first, second = (values[name] for name in task.fields)
    return Example((first, second), values["label"], row)
