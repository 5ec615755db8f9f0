"""Labelled texts of a task: from the hub, from a copy of its data set, or from files of our own.

`data` says where, as `--data` does on the command line: nothing for the task's data set on the hub; else a
folder that holds `{split}.{language}.jsonl` (see `jsonl.py`), or a copy of the hub's files (see `hub.py`).
"""

import random
from collections.abc import Sequence
from pathlib import Path

from fusion_demo.config import comma_separated
from fusion_demo.data.example import Example
from fusion_demo.data.hub import copied_files, fetch_file, read_files
from fusion_demo.data.jsonl import jsonl_languages, read_jsonl
from fusion_demo.errors import DataError, unknown_name
from fusion_demo.files import write_atomically
from fusion_demo.languages import get_language
from fusion_demo.tasks import HubSource, Task

COMMAND = "command.txt"
LONGEST_COMMAND = 4096
"""Characters."""


def available_languages(data: str | Path, task: Task, split: str) -> list[str]:
    """Return the codes of the languages that a task can be read in, sorted.

    Args:
        data: A folder, or "" for the hub.
        task: The task.
        split: "train", "dev" or "test".

    Raises:
        DataError: there is no data set, or it has no such split. The message says what there is.
    """
    if not str(data):
        return sorted(_hub(task, split).configs)
    folder = Path(data)
    if not folder.is_dir():
        raise DataError(
            f"There is no data folder {folder}. Give the one that holds {split}.<language>.jsonl"
            f"{f', or a copy of {task.hub.id}' if task.hub else ''}."
        )
    ours = jsonl_languages(folder)
    if split in ours:
        return ours[split]
    copied = _copied_languages(folder, task, split)
    if copied:
        return copied
    there = sorted(path.name for path in folder.iterdir())[:20]
    copy = f", nor {task.hub.splits.get(split, split)} files of {task.hub.id}" if task.hub else ""
    raise DataError(
        f"{folder} holds no {split}.<language>.jsonl{copy}. There: {', '.join(there) or 'nothing'}."
    )


def read_examples(
    data: str | Path, task: Task, split: str, language: str, *, max_examples: int = 0, seed: int = 0
) -> list[Example]:
    """Read one split in one language, or a sample of it, in the order of the data.

    Args:
        data: A folder, or "" for the hub.
        task: Says which fields make up a text, and which labels may occur.
        split: "train", "dev" or "test".
        language: Language code.
        max_examples: Rows to keep; 0 keeps all. The sample depends on the seed and the number of rows
            alone, so it is the same on every machine.
        seed: Seed of the sample.

    Raises:
        DataError: the data is missing, cannot be fetched, or is malformed. The message names the file,
            and the line or row.
    """
    languages = available_languages(data, task, split)
    if language not in languages:
        where = data or f"{task.hub.id} on the hub"
        raise DataError(f"{where} ({split}): {unknown_name('language', language, languages)}")
    if not str(data):
        examples = read_files([fetch_file(task.hub, split, language)], task, task.hub)
    elif split in jsonl_languages(Path(data)):
        examples = read_jsonl(Path(data), task, split, language)
    else:
        examples = read_files(copied_files(Path(data), task.hub, split, language), task, task.hub)
    return _sample(examples, max_examples, seed)


def read_training_examples(data: str, task: Task, *, max_examples: int = 0, seed: int = 0) -> list[Example]:
    """Read the English training texts of one or more folders, or a sample of all of them together.

    Args:
        data: A folder, several with commas between them, or "" for the hub.
        task: As for `read_examples`, which says what it raises; so do the others.
        max_examples: Rows to keep; 0 keeps all.
        seed: Seed of the sample.
    """
    folders = comma_separated(data) or [""]
    examples = [row for folder in folders for row in read_examples(folder, task, "train", "en")]
    return _sample(examples, max_examples, seed)


def _sample(examples: list[Example], max_examples: int, seed: int) -> list[Example]:
    if not 0 < max_examples < len(examples):
        return examples
    kept = random.Random(seed).sample(range(len(examples)), max_examples)
    return [examples[index] for index in sorted(kept)]


def read_languages(
    data: str | Path,
    task: Task,
    split: str,
    languages: Sequence[str],
    *,
    max_examples: int = 0,
    seed: int = 0,
) -> dict[str, list[Example]]:
    """Read the same split in several languages.

    Args:
        data: A folder, or "" for the hub.
        task: Says which fields make up a text, and which labels may occur.
        split: "dev" or "test".
        languages: Language codes; empty means all that there are.
        max_examples: Rows to keep of each language; 0 keeps all.
        seed: Seed of the samples.

    Returns:
        Language code → examples, in the order of `languages`.

    Raises:
        DataError: see `read_examples`.
        ConfigError: a language is none of `fusion_demo.languages`.
    """
    examples = {
        code: read_examples(data, task, split, code, max_examples=max_examples, seed=seed)
        for code in languages or available_languages(data, task, split)
    }
    for code in examples:
        get_language(code)
    return examples


def describe_training_data(data: str | Path, task: Task) -> dict[str, str]:
    """Return what a checkpoint's card says of the English training data.

    A data set of the hub may be less than what the task names, as XNLI's own training set is.

    Returns:
        `description`, `licence` and `licence_id`; and `command`, if one wrote the data (`write_command`).
    """
    from_hub = task.hub if not str(data) or "train" not in jsonl_languages(Path(data)) else None
    return {
        "description": (from_hub and from_hub.data) or task.data,
        "licence": (from_hub and from_hub.licence) or task.licence,
        "licence_id": (from_hub and from_hub.licence_id) or task.licence_id,
        **_written_by(data),
    }


def write_command(folder: Path, command: str) -> None:
    """Leave the command that wrote a folder's training texts with them, for the cards of what is trained."""
    write_atomically(folder / COMMAND, f"{command}\n".encode())


def _written_by(data: str | Path) -> dict[str, str]:
    path = Path(data) / COMMAND
    if not str(data) or not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="replace") as file:
        return {"command": file.read(LONGEST_COMMAND).strip()}


def _hub(task: Task, split: str) -> HubSource:
    """Return the hub's data set of a task that has the split there."""
    if task.hub is None:
        raise DataError(
            f"The task '{task.name}' has no data set on the hub. Give a folder with --data FOLDER: one that "
            f"holds {split}.<language>.jsonl."
        )
    if split not in task.hub.splits:
        raise DataError(
            f"{task.hub.id} on the hub: {unknown_name('split', split, task.hub.splits)} "
            f"Or give a folder that holds {split}.<language>.jsonl with --data FOLDER."
        )
    return task.hub


def _copied_languages(folder: Path, task: Task, split: str) -> list[str]:
    if task.hub is None:
        return []
    return [code for code in sorted(task.hub.configs) if copied_files(folder, task.hub, split, code)]
