"""Reads labelled texts from data sets of the Hugging Face Hub, or from copies of them in a folder.

Single files are fetched, at a recorded commit where there is one, and read as tables of text, or with the
`datasets` library as parquet or JSON: no code of the hub is ever run. Both libraries keep what they fetched
and read in their own caches (`HF_HOME`), so a file that was fetched once is there without the hub.
"""

import contextlib
import io
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fusion_demo.data.example import Example, as_text
from fusion_demo.errors import DataError, unknown_name
from fusion_demo.tables import read_table
from fusion_demo.tasks import HubSource, Task

FORMATS = {".parquet": "parquet", ".csv": "csv", ".tsv": "tsv", ".json": "json", ".jsonl": "json"}
LAYOUTS = ("{config}/{split}.*", "{config}/{split}-*.*", "{config}/{split}/*.*")
"""Where a copy may hold the files of a split, beside the hub's own path."""


def fetch_file(source: HubSource, split: str, language: str) -> Path:
    """Return the file of one split and language, fetched from the hub unless it is in the cache.

    Raises:
        DataError: the hub cannot be reached, or has no such file; the message says how to do without.
    """
    # Imported here, since most runs read local files.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    name = source.path(split, language)
    try:
        return Path(hf_hub_download(source.id, name, repo_type="dataset", revision=source.revision))
    except (OSError, EntryNotFoundError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise DataError(
            f"Could not fetch {name} of {source.id} from the Hugging Face Hub: {reason} Give a folder with "
            f"--data FOLDER: one that holds {split}.{language}.jsonl, or a copy of the data set, made where "
            f"the hub can be reached with `{source.download_command(split, language)}`."
        ) from None


def copied_files(folder: Path, source: HubSource, split: str, language: str) -> list[Path]:
    """Return the files of one split and language in a copy of a data set, in order; empty for none."""
    if split not in source.splits or language not in source.configs:
        return []
    exact = folder / source.path(split, language)
    if exact.is_file():
        return [exact]
    for layout in LAYOUTS:
        pattern = layout.format(config=source.configs[language], split=source.splits[split])
        found = sorted(path for path in folder.glob(pattern) if path.suffix in FORMATS and path.is_file())
        if found:
            return [path for path in found if path.suffix == found[0].suffix]
    return []


def read_files(paths: list[Path], task: Task, source: HubSource) -> list[Example]:
    """Read the files of one split and language, in their order.

    Rows without text or label, and those of a table that are not as their format says, are left out, which
    is said on stderr: what is published cannot be corrected here.

    Args:
        paths: At least one file, all of one format.
        task: Says which fields make up a text, and which labels may occur.
        source: Says what the columns are called and what the label column holds.

    Raises:
        DataError: a file cannot be read, lacks a column, or has a label that is not known, or there is
            no row. The message names the file.
    """
    where = str(paths[0]) if len(paths) == 1 else f"{paths[0].parent} ({len(paths)} files)"
    wanted = [source.column(name) for name in (*task.fields, "label")]
    named: list[str] = []
    problems: list[str] = []
    if paths[0].suffix in (".csv", ".tsv"):
        values, problems = _table_columns(paths, wanted, source)
    else:
        values, named = _columns(paths, wanted, where, source)
    *parts, labels = values
    if named:
        labels = [named[label] if label in range(len(named)) else label for label in labels]
    known = {**source.labels, **{label: label for label in task.labels}}
    examples = []
    for row, (*texts, label) in enumerate(zip(*parts, labels, strict=True)):
        if any(value is None or (isinstance(value, str) and not value.strip()) for value in (*texts, label)):
            continue
        if not all(isinstance(text, str) for text in texts):
            raise DataError(f"{where}, row {row}: a text is not a string but {texts!r}. Use another file.")
        ours = known.get(str(label).strip())
        if ours is None:
            raise DataError(
                f"{where}, row {row}: {unknown_name('label', str(label), known)} "
                f"The file should be laid out as {source.id} is on the hub."
            )
        examples.append(Example(as_text(task, texts), ours, row))
    if not examples:
        raise DataError(" ".join([f"{where} holds no examples. Fetch the data set again.", *problems[:1]]))
    if left_out := len(labels) - len(examples) - len(problems):
        print(
            f"{where}: {left_out} of {len(labels)} rows lack a text or a label and are left out",
            file=sys.stderr,
        )
    if problems:
        print(
            f"{where}: {len(problems)} of {len(labels)} rows are malformed and are left out. {problems[0]}",
            file=sys.stderr,
        )
    return examples


def _table_columns(
    paths: list[Path], wanted: list[str], source: HubSource
) -> tuple[list[list[str | None]], list[str]]:
    """Return the values of the wanted columns of CSV or TSV files, and what is wrong with rows."""
    columns: list[list[str | None]] = [[] for _ in wanted]
    problems = []
    for path in paths:
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} could not be read as UTF-8 text: {error}. Fetch it again.") from None
        table = read_table(text, wanted, tabs=path.suffix == ".tsv")
        places = table.places(wanted)
        _check_columns(wanted, [name for name in wanted if places[name]], table.names, str(path), source)
        for row in table.rows:
            if row.problem:
                problems.append(row.problem)
            for column, name in zip(columns, wanted, strict=True):
                column.append(None if row.problem else row.cells[places[name][0]])
    return columns, problems


def _check_columns(
    wanted: list[str], found: Collection[str], there: Collection[str], where: str, source: HubSource
) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(
            f"{where}: there is no column '{missing[0]}'. Columns there: {', '.join(sorted(there))}. "
            f"The file should be laid out as {source.id} is on the hub."
        )


def _columns(
    paths: list[Path], wanted: list[str], where: str, source: HubSource
) -> tuple[list[list[Any]], list[str]]:
    """Return the values of the wanted columns, and the names of the last one's numbers if it has any."""
    # Imported here, since it takes seconds and most runs read files of our own.
    import datasets

    kind = FORMATS[paths[0].suffix]
    # It draws bars of its own, wherever they are shown.
    hidden = contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
    try:
        with hidden:
            table = datasets.load_dataset(kind, data_files=[str(path) for path in paths], split="train")
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise DataError(f"{where} could not be read as {kind}: {reason} Fetch it again.") from None
    names = {name.strip(): name for name in table.column_names}
    _check_columns(wanted, names, names, where, source)
    label = table.features[names[wanted[-1]]]
    return [table[names[name]][:] for name in wanted], list(getattr(label, "names", None) or [])
