"""One labelled text, from wherever it was read."""

from dataclasses import dataclass

from fusion_demo.input_text import composed
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text


@dataclass(frozen=True)
class Example:
    """One labelled text, or pair of texts.

    Attributes:
        text: The text; of a pair both parts, in the order of the task's fields.
        label: One of the task's labels; for a task that is answered freely, the right answer.
        row: Which example of its file or data set it is, counted from 0 before any sample is drawn.
    """

    text: Text
    label: str
    row: int = 0

    @property
    def characters(self) -> int:
        """Length of the text, both parts of a pair together, in characters."""
        return len(self.text) if isinstance(self.text, str) else sum(map(len, self.text))


def as_text(task: Task, parts: list[str]) -> Text:
    """Return the values of a task's fields as a text, or as a pair of texts, composed."""
    first, *second = map(composed, parts)
    return (first, *second) if second else first
