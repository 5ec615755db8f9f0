"""How soft tokens and the LLM's own tokens form one sequence.

    bare   [BOS] e[1..T] [boundary] Category:                     → English answer + end  (the paper's form)
    chat   …<user turn> instruction e[1..T] [boundary] <end of turn><assistant turn>  → English answer + end

The soft tokens stand where the user's text would stand. With `text_prompt` "augment" the text itself
follows the boundary, in the bare form with a line break behind it. Earlier turns of a conversation stand
before all that as the LLM's own tokens: in the chat template, or in the bare form on a line each. What a
user types passes through the LLM's tokeniser alone, and as `FrozenLLM.text_ids` cuts it: no text can act
as one of the LLM's control tokens.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig, PreTrainedTokenizerBase

from fusion_demo.decoding import Decoding
from fusion_demo.errors import ConfigError, ModelError, shown

TEXT_MARK = "\ufdd0"
"""Stands for the text while the chat template is rendered; a code point that no text may hold."""

FIXED_DATE = "26 Jul 2024"
"""Templates such as Llama 3's print today's date; a bridge must read the same prompt every day."""

NO_THINKING = {"enable_thinking": False, "thinking": False}
"""How templates of models that can think before they answer are told not to: Qwen's, SmolLM's, Granite's …"""

RENDERING = {
    "tokenize",
    "add_generation_prompt",
    "date_string",
    "conversation",
    "chat_template",
    "continue_final_message",
}
"""Arguments of the rendering that are not the template's to give."""

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
        end: Id of the token that ends an answer; None: the tokeniser's end token.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    answer_prefix: str
    text_end: tuple[int, ...] = ()
    shared: bool = True
    end: int | None = None

    def answer_ids(self, tokenizer: PreTrainedTokenizerBase, answer: str) -> list[int]:
        """Return the ids of an answer as the LLM should write it, its end token included."""
        return [
            *tokenizer.encode(self.answer_prefix + answer, add_special_tokens=False),
            tokenizer.eos_token_id if self.end is None else self.end,
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
    template_arguments: str = "",
) -> PromptFrame:
    """Build the frame of a task, or of the newest turn of a conversation, for one LLM.

    Args:
        tokenizer: The LLM's tokeniser.
        form: "chat", "bare", or "auto": chat where the tokeniser has a chat template.
        instruction: What the LLM is told about the text, chat form only.
        bare_prompt: What stands between the boundary and the answer, bare form only.
        history: Earlier turns, oldest first: "user" and "assistant" in turn, each with its token ids from
            `FrozenLLM.text_ids`.
        template_arguments: A JSON object, which the chat template gets over `NO_THINKING`.

    Raises:
        ConfigError: the chat form is asked of an LLM without a chat template, or the template's arguments are
            no JSON object.
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
    arguments = NO_THINKING | _read_arguments(template_arguments)
    content = f"{instruction}\n{TEXT_MARK}" if instruction else TEXT_MARK
    turns = [*((role, TEXT_MARK) for role, _ in history), ("user", content)]
    rendered = tokenizer.apply_chat_template(
        [{"role": role, "content": text} for role, text in turns],
        tokenize=False,
        add_generation_prompt=True,
        date_string=FIXED_DATE,
        **arguments,
    )
    parts = rendered.split(TEXT_MARK)
    if len(parts) != len(turns) + 1:
        raise ModelError("The LLM's chat template changes the user's text. Use --prompt-form bare.")
    *around, last = (tokenizer.encode(part, add_special_tokens=False) for part in parts)
    before = list(around[0])
    for (_, ids), part in zip(history, around[1:], strict=True):
        before += [*ids, *part]
    return PromptFrame(tuple(before), tuple(last), "", shared=not history, end=turn_end(tokenizer))


def _read_arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict) or arguments.keys() & RENDERING:
        raise ConfigError(
            f"--template-arguments takes a JSON object of the chat template's own arguments, such as "
            f'{{"enable_thinking": true}}, not {shown(text)}.'
        )
    return arguments


def turn_end(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the id of the control token that the chat template puts behind an answer, if it puts one."""
    if not tokenizer.chat_template:
        return None
    turns = [{"role": role, "content": TEXT_MARK} for role in ("user", "assistant")]
    try:
        rendered = tokenizer.apply_chat_template(turns, tokenize=False, date_string=FIXED_DATE)
    except Exception:  # noqa: BLE001 - of a template for one turn alone; jinja2 has its own kinds
        return None
    if TEXT_MARK not in rendered:
        return None
    behind = tokenizer.encode(rendered.rpartition(TEXT_MARK)[2].lstrip(), add_special_tokens=False)
    control = behind and (
        behind[0] in tokenizer.added_tokens_decoder or behind[0] in tokenizer.all_special_ids
    )
    return behind[0] if control else None


def end_ids(
    tokenizer: PreTrainedTokenizerBase, defaults: GenerationConfig | None, rows: int
) -> tuple[int, ...]:
    """Return all token ids that end an answer, the tokeniser's own first.

    Args:
        tokenizer: The LLM's tokeniser.
        defaults: What the LLM's makers generate with: it may name several.
        rows: Size of the LLM's vocabulary: a configuration's own default may lie beyond it.
    """
    named = getattr(defaults, "eos_token_id", None)
    named = named if isinstance(named, list | tuple) else [named]
    found = [tokenizer.eos_token_id, *named, turn_end(tokenizer)]
    return tuple(dict.fromkeys(token for token in found if token is not None and token < rows))
