"""Where a task's data set lies on the Hugging Face Hub, and what its columns mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """A data set of the hub, described file by file, so that no code of the hub is needed to read it.

    Attributes:
        id: As on the hub, "owner/name".
        revision: The commit, or a branch; a commit gives the same rows for ever.
        file: Path of the file that holds one split of one language; `{config}` and `{split}` stand for
            the hub's names of both.
        configs: Language code → the hub's name for the language.
        splits: Our split ("train", "dev", "test") → the hub's name for it.
        columns: A field of the task, or "label" → the hub's column; a name that is missing is the same.
        labels: What stands in the label column, as text → our label. Our labels themselves are always read.
        data: What the English training data is, if it is not what the task says.
        licence: Under which terms, if not under the task's.
        licence_id: The same as an identifier of the hub.
    """

    id: str
    revision: str
    file: str
    configs: Mapping[str, str]
    splits: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    licence: str = ""
    licence_id: str = ""

    def path(self, split: str, language: str) -> str:
        """Return the path of a file inside the data set.

        Example: `path("dev", "si")` -> "si/validation-00000-of-00001.parquet".
        """
        return self.file.format(config=self.configs[language], split=self.splits[split])

    def column(self, name: str) -> str:
        """Return the hub's column of a field of the task, or of "label"."""
        return self.columns.get(name, name)

    def download_command(self, split: str, language: str) -> str:
        """Return the command that fetches one file where the hub can be reached."""
        return (
            f"hf download {self.id} {self.path(split, language)} --repo-type dataset "
            f"--revision {self.revision} --local-dir FOLDER"
        )


def numbered(labels: tuple[str, ...]) -> dict[str, str]:
    """Return the mapping of a label column that holds 0, 1, … for the labels in this order."""
    return {str(number): label for number, label in enumerate(labels)}
