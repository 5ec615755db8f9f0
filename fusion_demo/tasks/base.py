"""What a task is: what the LLM is asked about a text, and the words it may answer with, if they are given."""

from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from fusion_demo.decoding import Decoding
from fusion_demo.prompt import PromptFrame
from fusion_demo.tasks.hub import HubSource
from fusion_demo.tokens import Text


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something that the LLM is asked about a text, to be answered in English.

    Most tasks are classifications: the answer is one of a few labels. A task without labels is answered
    freely, and its examples hold the whole answer.

    Attributes:
        name: Short name, as on the command line.
        title: Name shown in the page.
        instruction: English sentences that stand before the text in the LLM's chat turn.
        bare_prompt: English words after the soft tokens in the paper's bare form.
        label_words: Label in the data files → words that the LLM says for it. Lower case; no label's
            words begin with another's, so that the scores of whole labels can be compared. Empty for a
            task that is answered freely.
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
        target: The column of the data that holds the free answer.
        answer_tokens: Longest free answer, in the LLM's tokens.
        no_repeat_ngram: No so many tokens of a free answer come a second time in the same order; 0: off.
        taught: Whether the bridge learns from what the LLM itself says of the English text, token by token
            along the free answer, instead of from the answer alone.
    """

    name: str
    title: str
    instruction: str
    bare_prompt: str
    label_words: dict[str, str] = field(default_factory=dict)
    languages: tuple[str, ...]
    data: str
    licence: str
    licence_id: str
    fields: tuple[str, ...] = ("text",)
    trained_on: str = ""
    line_parallel: bool = False
    hub: HubSource | None = None
    target: str = "label"
    answer_tokens: int = 64
    no_repeat_ngram: int = 0
    taught: bool = False

    @property
    def writes(self) -> bool:
        """Whether the task is answered freely."""
        return not self.label_words

    def answer(self, label: str) -> str:
        """Return what the LLM should say of an example: its label's words, or its free answer itself."""
        return label if self.writes else self.label_words[label]

    def decoding(self, frame: PromptFrame, tokenizer: PreTrainedTokenizerBase) -> Decoding:
        """Return how an answer is written: greedily, at most as long as an answer may be."""
        if self.writes:
            return Decoding(max_new_tokens=self.answer_tokens, no_repeat_ngram=self.no_repeat_ngram)
        return frame.answer_decoding(tokenizer, list(self.label_words.values()))

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
