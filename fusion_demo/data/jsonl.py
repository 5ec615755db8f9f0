"""Reads labelled texts from `{split}.{language}.jsonl`.

Format: UTF-8, one JSON object per line with the string "label" and one string for each of the task's fields,
"text" for most tasks; other fields are ignored. A task that is answered freely names the field of its answer.
Example: the line `{"text": "Rain ends the test match", "label": "sports"}` in `train.en.jsonl`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from fusion_demo.data.example import Example, as_text
from fusion_demo.errors import DataError, unknown_name
from fusion_demo.input_text import composed
from fusion_demo.tasks import Task

MAX_LINE_BYTES = 1_000_000
FILE_NAME = re.compile(r"(?P<split>train|dev|test|devtest)\.(?P<language>[^.]+)\.jsonl")


def jsonl_languages(folder: Path) -> dict[str, list[str]]:
    """Return the languages of each split that a folder holds such files of, sorted; empty for none."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        name = FILE_NAME.fullmatch(path.name)
        if name and path.is_file():
            found.setdefault(name["split"], []).append(name["language"])
    return found


def read_jsonl(folder: Path, task: Task, split: str, language: str) -> list[Example]:
    """Read one file, in its order; blank lines are no rows.

    Raises:
        DataError: a line is malformed, lacks a field of the task, or has a label that is none of the
            task's; or there is no line. The message names the file and the line.
    """
    path = folder / f"{split}.{language}.jsonl"
    examples = [
        _example(line, task, row, f"{path}:{number}") for row, (number, line) in enumerate(_lines(path))
    ]
    if not examples:
        raise DataError(f"{path} holds no examples. Fetch the data set again.")
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
    for name in (*task.fields, task.target):
        if not isinstance(values.get(name), str):
            raise DataError(
                f"{where}: there is no string '{name}'. Fields there: {', '.join(sorted(values)) or 'none'}."
            )
    for name in (*task.fields, task.target) if task.writes else task.fields:
        if not values[name].strip():
            raise DataError(f"{where}: the {name} is empty. Correct or remove the line.")
        if any("\ud800" <= character <= "\udfff" for character in values[name]):
            raise DataError(
                f"{where}: the {name} holds half of a surrogate pair. Correct or remove the line."
            )
    if not task.writes and values[task.target] not in task.labels:
        raise DataError(f"{where}: {unknown_name('label', values[task.target], task.labels)}")
    text = as_text(task, [values[name] for name in task.fields])
    return Example(text, composed(values[task.target]), row)
