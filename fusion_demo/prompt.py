"""How soft tokens and the LLM's own tokens form one sequence.

    bare   [BOS] e[1..T] [boundary] Category:                     → English answer + end  (the paper's form)
    chat   …<user turn> instruction e[1..T] [boundary] <end of turn><assistant turn>  → English answer + end

The soft tokens stand where the user's text would stand. With `text_prompt` "augment" the text itself
follows the boundary, in the bare form with a line break behind it. Earlier turns of a conversation stand
before all that as the LLM's own tokens: in the chat template, or in the bare form on a line each. What a
user types passes through the LLM's tokeniser alone, and as `FrozenLLM.text_ids` cuts it: no text can act
as one of the LLM's control tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from fusion_demo.decoding import Decoding
from fusion_demo.errors import ConfigError, ModelError

TEXT_MARK = "\ufdd0"
"""Stands for the text while the chat template is rendered; a code point that no text may hold."""

FIXED_DATE = "26 Jul 2024"
"""Templates such as Llama 3's print today's date; a bridge must read the same prompt every day."""

ANSWER_SLACK = 4
"""Tokens that an answer may be longer than the longest label: a line break, a full stop, words too many."""


@dataclass(frozen=True)
class PromptFrame:
    """The LLM's own tokens around the soft tokens.

    Attributes:
        before: Token ids in front of the soft tokens.
        after: Token ids behind the boundary vector.
        answer_prefix: What stands between the last of them and the answer's first letter.
        text_end: Token ids behind the text itself, where the LLM reads that too.
        shared: Whether other texts have the same tokens in front: not those of a conversation.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    answer_prefix: str
    text_end: tuple[int, ...] = ()
    shared: bool = True

    def answer_ids(self, tokenizer: PreTrainedTokenizerBase, answer: str) -> list[int]:
        """Return the ids of an answer as the LLM should write it, its end token included."""
        return [
            *tokenizer.encode(self.answer_prefix + answer, add_special_tokens=False),
            tokenizer.eos_token_id,
        ]

    def answer_decoding(self, tokenizer: PreTrainedTokenizerBase, answers: Sequence[str]) -> Decoding:
        """Return how an answer like these is written: greedily, as long as the longest and a little more.

        The little more shows whether the LLM would have gone on behind a right answer.
        """
        longest = max(len(self.answer_ids(tokenizer, answer)) for answer in answers)
        return Decoding(max_new_tokens=longest + ANSWER_SLACK)


def build_frame(
    tokenizer: PreTrainedTokenizerBase,
    form: str,
    *,
    instruction: str,
    bare_prompt: str,
    history: Sequence[tuple[str, Sequence[int]]] = (),
) -> PromptFrame:
    """Build the frame of a task, or of the newest turn of a conversation, for one LLM.

    Args:
        tokenizer: The LLM's tokeniser.
        form: "chat", "bare", or "auto": chat where the tokeniser has a chat template.
        instruction: What the LLM is told about the text, chat form only.
        bare_prompt: What stands between the boundary and the answer, bare form only.
        history: Earlier turns, oldest first: "user" and "assistant" in turn, each with its token ids from
            `FrozenLLM.text_ids`.

    Raises:
        ConfigError: the chat form is asked of an LLM without a chat template.
        ModelError: the chat template does not keep the user's text as it is.
    """
    if form == "auto":
        form = "chat" if tokenizer.chat_template else "bare"
    if form == "bare":
        start = () if tokenizer.bos_token_id is None else (tokenizer.bos_token_id,)
        after = tokenizer.encode(bare_prompt.strip(), add_special_tokens=False) if bare_prompt else []
        line_break = tokenizer.encode("\n", add_special_tokens=False)
        lines = [token for _, ids in history for token in (*ids, *line_break)]
        return PromptFrame(
            (*start, *lines), tuple(after), " ", text_end=tuple(line_break), shared=not history
        )
    if not tokenizer.chat_template:
        raise ConfigError("This LLM has no chat template. Use --prompt-form bare.")
    content = f"{instruction}\n{TEXT_MARK}" if instruction else TEXT_MARK
    turns = [*((role, TEXT_MARK) for role, _ in history), ("user", content)]
    rendered = tokenizer.apply_chat_template(
        [{"role": role, "content": text} for role, text in turns],
        tokenize=False,
        add_generation_prompt=True,
        date_string=FIXED_DATE,
    )
    parts = rendered.split(TEXT_MARK)
    if len(parts) != len(turns) + 1:
        raise ModelError("The LLM's chat template changes the user's text. Use --prompt-form bare.")
    *around, last = (tokenizer.encode(part, add_special_tokens=False) for part in parts)
    before = list(around[0])
    for (_, ids), part in zip(history, around[1:], strict=True):
        before += [*ids, *part]
    return PromptFrame(tuple(before), tuple(last), "", shared=not history)
