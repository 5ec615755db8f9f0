"""How the earlier turns of a conversation become the LLM's prompt.

Earlier turns stand as plain text: an answer as it is, a foreign message as its echo, the English words that
it was understood as. Only the newest message is soft tokens. What does not fit is left out, oldest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_demo.chat.messages import Message
from fusion_demo.detection import detect_language
from fusion_demo.llm import FrozenLLM
from fusion_demo.prompt import PromptFrame, build_frame

ENGLISH = "en"


@dataclass(frozen=True)
class History:
    """What stands around the newest message.

    Attributes:
        frame: The LLM's own tokens before and after it.
        dropped: How many of the oldest messages were left out.
    """

    frame: PromptFrame
    dropped: int


def build_history(
    llm: FrozenLLM,
    form: str,
    earlier: Sequence[Message],
    *,
    prompt_tokens: int,
    bare_prompt: str = "",
    template_arguments: str = "",
) -> History:
    """Build the frame of the newest message behind as many earlier turns as fit.

    Args:
        llm: The LLM that will read it.
        form: "chat", "bare" or "auto", see `build_frame`.
        earlier: The messages before the newest, user and assistant in turn. A message and its answer stay
            or go together. Nothing in them can act as one of the LLM's control tokens.
        prompt_tokens: Most tokens that the frame may have. Without a single earlier turn it may have more.
        bare_prompt: What stands between the boundary and the answer, bare form only.
        template_arguments: Of the LLM's chat template, see `build_frame`.
    """

    def frame_behind(turns: Sequence[tuple[str, list[int]]]) -> PromptFrame:
        return build_frame(
            llm.tokenizer,
            form,
            instruction="",
            bare_prompt=bare_prompt,
            history=turns,
            template_arguments=template_arguments,
        )

    frame = frame_behind([])
    turns: list[tuple[str, list[int]]] = []
    kept = 0
    for start in range(len(earlier) - 2, -1, -2):
        exchange = [
            (message.role, llm.text_ids(plain_text(message))) for message in earlier[start : start + 2]
        ]
        longer = frame_behind([*exchange, *turns])
        if frame_tokens(longer) > prompt_tokens:
            break
        frame, turns, kept = longer, [*exchange, *turns], kept + 2
    return History(frame, len(earlier) - kept)


def frame_tokens(frame: PromptFrame) -> int:
    """Return how many tokens of its own a frame puts around a message."""
    return len(frame.before) + len(frame.after) + len(frame.text_end)


def plain_text(message: Message) -> str:
    """Return the words that stand for an earlier message.

    Example: a Sinhala message with the echo "Where is the library?" -> "Where is the library?"
    """
    foreign = bool(message.echo) and detect_language(message.text) != ENGLISH
    return message.echo if foreign else message.text
