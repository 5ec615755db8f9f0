"""What a system answered, row by row, for a stopped evaluation to go on with and for paired comparisons.

A run is a folder:

    run.json                    which system answered what: a `RunDescription`
    {language}.jsonl            one `PredictionRow` a line, in the order of the data
    {language}.english.jsonl    of a translation pipeline: what the LLM read, `{"row": 3, "english": "…"}`
    .lock                       held by the evaluation that writes

Lines are only ever appended, whole ones. No text of the data stands in these files.
"""

import contextlib
import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fusion_demo.errors import DataError
from fusion_demo.files import write_json
from fusion_demo.tokens import Text

RUN, LOCK = "run.json", ".lock"
EXTENDED = ("data", "command")
"""What a later command may add to or change in a run: more languages, and so other words."""


@dataclass(frozen=True, kw_only=True)
class PredictionRow:
    """The answer to one text.

    Attributes:
        row: Index of the text in its file or data set, before any sample was drawn.
        gold: The label in the data.
        label: The most likely label; the first of the task's on a tie.
        log_likelihoods: One per label of the task, in its order, in nats.
        answer: What the system wrote when it was let write; None if it was not.
    """

    row: int
    gold: str
    label: str
    log_likelihoods: tuple[float, ...]
    answer: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunDescription:
    """Which system answered what; two runs with the same description give the same rows.

    Attributes:
        system: Name of the checkpoint or the baseline.
        task: Name of the task.
        split: "dev" or "test".
        seed: Seed of the samples.
        max_examples: Texts per language; 0 stands for all.
        scores: "likelihood", and "generation" if answers were written too.
        labels: The task's labels, in the order of `PredictionRow.log_likelihoods`.
        details: All else that decides the answers: fingerprints of weights, prompt, number format.
        data: Language code → `rows` and `sha256` of what was asked, see `describe_data`.
        command: The command that wrote it last.
    """

    system: str
    task: str
    split: str
    seed: int
    max_examples: int
    scores: tuple[str, ...]
    labels: tuple[str, ...]
    details: dict[str, Any]
    data: dict[str, dict[str, Any]]
    command: str


@dataclass(frozen=True)
class PredictionRun:
    """A finished run.

    Attributes:
        folder: Where it lies.
        description: Which system answered what.
        languages: Language code → rows in the order of the data.
    """

    folder: Path
    description: RunDescription
    languages: dict[str, list[PredictionRow]]


class RunWriter:
    """Appends rows to the files of a run that `open_run` opened."""

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        self.folder = folder
        self.labels = tuple(labels)

    def finished(self, language: str) -> list[PredictionRow]:
        """Return the rows that are there; a half line at the end, left by a stop, is cut off.

        Raises:
            DataError: a whole line is no row of this run.
        """
        path = _file_of(self.folder, language)
        return _parse(path, _whole_lines(path), self.labels)

    def append(self, language: str, rows: Iterable[PredictionRow]) -> None:
        """Append rows; they are on the disk when this returns."""
        _append(_file_of(self.folder, language), [dataclasses.asdict(row) for row in rows])

    def english(self, language: str) -> dict[int, Text]:
        """Return the translations that are there, by the row of their text; a half line is cut off.

        Raises:
            DataError: a whole line is no translation.
        """
        path = self.folder / f"{language}.english.jsonl"
        texts: dict[int, Text] = {}
        try:
            for line in _whole_lines(path).split(b"\n")[:-1]:
                values = json.loads(line)
                text = values["english"]
                texts[int(values["row"])] = text if isinstance(text, str) else tuple(text)
        except (ValueError, KeyError, TypeError):
            raise DataError(f"{path} is damaged. Remove it and evaluate again.") from None
        return texts

    def append_english(self, language: str, texts: Mapping[int, Text]) -> None:
        """Append what a translator made of some rows; it is on the disk when this returns."""
        lines = [{"row": row, "english": text} for row, text in texts.items()]
        _append(self.folder / f"{language}.english.jsonl", lines)


@contextlib.contextmanager
def open_run(folder: Path, description: RunDescription) -> Iterator[RunWriter]:
    """Begin a run, or go on with the one that lies in a folder.

    Languages may be added to a run; nothing else of its description may change.

    Args:
        folder: Folder of the run; made if need be.
        description: What is about to be answered.

    Raises:
        DataError: the folder holds another run or something else, or another process writes to it.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file. Name a folder for the predictions.")
    held = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if held - {LOCK} and RUN not in held:
        raise DataError(f"{folder} holds files, but no {RUN}. Name another folder with --predictions.")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataError(
            f"Another process is writing predictions to {folder}. Wait for it, or name another folder "
            "with --predictions."
        ) from None
    try:
        data = description.data
        if (folder / RUN).exists():
            earlier = _read_description(folder)
            _check_same(folder, earlier, description)
            data = {**earlier.data, **data}
        write_json(folder / RUN, dataclasses.asdict(dataclasses.replace(description, data=data)))
        yield RunWriter(folder, description.labels)
    finally:
        lock.release()


def read_run(folder: Path) -> PredictionRun:
    """Read a finished run.

    Raises:
        DataError: the folder holds no run, or an unfinished or damaged one.
    """
    if not folder.is_dir():
        raise DataError(
            f"There is no folder of predictions '{folder}'. `python -m train_cli evaluate` writes one and "
            "prints its name."
        )
    description = _read_description(folder)
    languages = {}
    for code, data in description.data.items():
        path = _file_of(folder, code)
        content = path.read_bytes() if path.exists() else b""
        rows = _parse(path, content[: content.rfind(b"\n") + 1], description.labels)
        if len(rows) != data["rows"]:
            raise DataError(
                f"{path} holds {len(rows):,} of {data['rows']:,} rows: the evaluation was stopped. "
                f"Go on with it: {description.command}"
            )
        languages[code] = rows
    return PredictionRun(folder, description, languages)


def _file_of(folder: Path, language: str) -> Path:
    return folder / f"{language}.jsonl"


def _whole_lines(path: Path) -> bytes:
    """Read a file of lines; cut off what stands behind its last line break."""
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return content[:whole]


def _append(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    with path.open("ab") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _check_same(folder: Path, earlier: RunDescription, now: RunDescription) -> None:
    before, after = _facts(earlier), _facts(now)
    changes = [
        f"{name} was {before.get(name)!r}, is {after.get(name)!r}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    changes += [
        f"the texts in '{code}' are others"
        for code in now.data
        if code in earlier.data and earlier.data[code] != now.data[code]
    ]
    if changes:
        raise DataError(
            f"{folder} holds the predictions of another run: {'; '.join(changes)}. "
            f"Name another folder with --predictions, or remove this one: rm -r {folder}"
        )


def _facts(description: RunDescription) -> dict[str, Any]:
    """All that may not change within a run, flat, as it comes back from JSON."""
    values = json.loads(json.dumps(dataclasses.asdict(description)))
    details = values.pop("details")
    return {name: value for name, value in values.items() if name not in EXTENDED} | details


def _read_description(folder: Path) -> RunDescription:
    path = folder / RUN
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        texts = [values[name] for name in ("system", "task", "split", "command")]
        counts = [values["seed"], values["max_examples"], *(data["rows"] for data in values["data"].values())]
        lists = [values["scores"], values["labels"]]
        if (
            not all(isinstance(text, str) for text in (*texts, *lists[0], *lists[1]))
            or not all(isinstance(number, int) for number in counts)
            or not isinstance(values["details"], dict)
        ):
            raise TypeError
        return RunDescription(**values | {"scores": tuple(lists[0]), "labels": tuple(lists[1])})
    except FileNotFoundError:
        raise DataError(f"{folder} holds no {RUN}. Name a folder that `evaluate` wrote.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path} is damaged. Remove {folder} and evaluate again.") from None


def _parse(path: Path, content: bytes, labels: Sequence[str]) -> list[PredictionRow]:
    """Read whole lines strictly: a row that was changed by hand would spoil every figure made from it."""
    rows = []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            rows.append(_row(json.loads(line), labels))
        except (ValueError, TypeError):
            raise DataError(
                f"{path}:{number}: this is no row of the run in {RUN}. Remove {path.name} and evaluate again."
            ) from None
    return rows


def _row(values: Mapping[str, Any], labels: Sequence[str]) -> PredictionRow:
    row = PredictionRow(**values)
    numbers = row.log_likelihoods
    good = (
        isinstance(row.row, int)
        and row.gold in labels
        and row.label in labels
        and isinstance(row.answer, str | None)
        and len(numbers) == len(labels)
        and all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)
    )
    if not good:
        raise ValueError
    return dataclasses.replace(row, log_likelihoods=tuple(numbers))
