"""What a task is: the question that the LLM is asked and the words it may answer with."""

from dataclasses import dataclass

from fusion_demo.tasks.hub import HubSource
from fusion_demo.tokens import Text


@dataclass(frozen=True, kw_only=True)
class Task:
    """A classification task whose answers are English words.

    Attributes:
        name: Short name, as on the command line.
        title: Name shown in the page.
        instruction: English sentences that stand before the text in the LLM's chat turn.
        bare_prompt: English words after the soft tokens in the paper's bare form.
        label_words: Label in the data files → words that the LLM says for it. Lower case; no label's
            words begin with another's, so that the scores of whole labels can be compared.
        languages: Codes of the languages that the task is measured in.
        data: What the English training data is, for the checkpoint's card.
        licence: Under which terms.
        licence_id: The same as an identifier of the Hugging Face Hub.
        fields: The columns of the data that make up a text: one, or two for a pair.
        trained_on: Name of the task whose checkpoints answer this one, which has no training data of
            its own; empty: its own checkpoints do.
        line_parallel: Whether a row is the same text in every language, so that rows of two languages
            are no independent evidence.
        hub: The data set on the Hugging Face Hub; None where there is none, so that a folder is needed.
    """

    name: str
    title: str
    instruction: str
    bare_prompt: str
    label_words: dict[str, str]
    languages: tuple[str, ...]
    data: str
    licence: str
    licence_id: str
    fields: tuple[str, ...] = ("text",)
    trained_on: str = ""
    line_parallel: bool = False
    hub: HubSource | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels as they stand in the data files, in the order of their scores."""
        return tuple(self.label_words)

    @property
    def checkpoint_task(self) -> str:
        """Name of the task that a checkpoint for this one was trained on."""
        return self.trained_on or self.name

    def plain(self, text: Text) -> str:
        """Return a text as a reader would write it, for an LLM that reads it itself.

        Example: fields ("premise", "hypothesis") and ("It rains.", "It is dry.") ->
        "Premise: It rains.\\nHypothesis: It is dry."
        """
        if isinstance(text, str):
            return text
        return "\n".join(f"{name.capitalize()}: {part}" for name, part in zip(self.fields, text, strict=True))


def one_of(label_words: dict[str, str]) -> str:
    """Return the sentence that names the possible answers.

    Example: `one_of({"pos": "good", "neg": "bad"})` -> "Answer with one of: good, bad."
    """
    return f"Answer with one of: {', '.join(label_words.values())}."
