"""The endpoints `/classify` and `/chat`: what the tabs show, as JSON for programs."""

from typing import Any

import gradio as gr

from fusion_demo.chat import CHAT_DECODING, USER, ChatTurn, Message
from fusion_demo.decoding import Decoding
from fusion_demo.errors import FusionDemoError, InputError
from fusion_demo.session import Session
from fusion_demo.ui.api_types import check_type
from fusion_demo.ui.reading import ONE_AT_A_TIME
from fusion_demo.ui.refusal import refusal


def classify_endpoint(session: Session) -> None:
    """Add the endpoint `/classify` for programs to the current `gr.Blocks`."""

    def classify(task: str, text: str, checkpoint: str = "", second_text: str = "") -> dict[str, Any]:
        """Label a text, or a pair of texts, in any language, with the layer weights behind the answer.

        Args:
            task: Name of a task, as "news".
            text: The text, or the first of a pair, as the premise of "xnli".
            checkpoint: Name of a checkpoint of that task; empty for the best one.
            second_text: The second text of a pair, as the hypothesis of "xnli".
        """
        given = {"task": task, "text": text, "checkpoint": checkpoint, "second_text": second_text}
        try:
            for name, value in given.items():
                check_type(name, value, str)
            result = session.classify(text, task, checkpoint, second_text)
        except FusionDemoError as error:
            raise refusal(error) from error
        return {
            "label": result.label,
            "scores": result.scores,
            "language": result.language,
            "tokens": [token.text for token in result.tokens],
            "parts": result.parts,
            "layers": result.layers,
            "layer_weights": result.layer_weights.tolist(),
        }

    gr.api(classify, api_name="classify", **ONE_AT_A_TIME)


def chat_endpoint(session: Session) -> None:
    """Add the endpoint `/chat` for programs to the current `gr.Blocks`."""

    def chat(
        message: str,
        history: list[dict[str, str]] | None = None,
        checkpoint: str = "",
        max_new_tokens: int = CHAT_DECODING.max_new_tokens,
        temperature: float = CHAT_DECODING.temperature,
        top_p: float = CHAT_DECODING.top_p,
        repetition_penalty: float = CHAT_DECODING.repetition_penalty,
        no_repeat_ngram: int = CHAT_DECODING.no_repeat_ngram,
        seed: int | None = None,
        straight: bool = False,
    ) -> dict[str, Any]:
        """Answer a message in any language in English, with the layer weights behind the answer.

        Args:
            message: The message.
            history: What was said before, oldest first: {"role": "user" or "assistant", "content": text}, the
                user first, in turn. A user's entry may have the "echo" of its answer, the English words that
                then stand for a foreign message.
            checkpoint: Name of a checkpoint that can chat; empty for the best one.
            max_new_tokens: Longest answer, in the LLM's tokens.
            temperature: 0 is greedy; above 0, tokens are sampled.
            top_p: Sampling is from the smallest set of tokens with this probability together.
            repetition_penalty: Above 1, tokens of the answer become less likely to come again.
            no_repeat_ngram: No n tokens of the answer come twice in the same order; 0: off.
            seed: Of the sampling; none: always another answer.
            straight: Give an English message to the LLM as its own tokens, without the bridge.
        """
        try:
            check_type("message", message, str)
            check_type("checkpoint", checkpoint, str)
            check_type("straight", straight, bool)
            whole = {"max_new_tokens": max_new_tokens, "no_repeat_ngram": no_repeat_ngram}
            if seed is not None:
                whole["seed"] = seed
            for name, value in whole.items():
                check_type(name, value, int)
            broken = {"temperature": temperature, "top_p": top_p, "repetition_penalty": repetition_penalty}
            for name, value in broken.items():
                check_type(name, value, int, float)
            *_, last = session.chat(
                [*_history(history), Message(USER, message)],
                checkpoint=checkpoint,
                decoding=Decoding(**whole, **broken),
                straight=straight,
            )
        except FusionDemoError as error:
            raise refusal(error) from error
        return _turn_values(last.turn)

    gr.api(chat, api_name="chat", **ONE_AT_A_TIME)


def _turn_values(turn: ChatTurn) -> dict[str, Any]:
    return {
        "answer": turn.answer,
        "echo": turn.echo,
        "similarity": turn.similarity,
        "understood": turn.understood,
        "language": turn.language,
        "straight": turn.straight,
        "tokens": [token.text for token in turn.tokens],
        "layers": turn.layers,
        "layer_weights": turn.layer_weights.tolist(),
        "hears": [
            {"text": part.text, "nearest": [list(pair) for pair in part.nearest]} for part in turn.hears
        ],
        "dropped": turn.dropped,
        "timings": {
            "tokens_in": turn.tokens_in,
            "soft_tokens": turn.soft_tokens,
            "tokens_out": turn.tokens_out,
            "first_token_milliseconds": turn.first_token_milliseconds,
            "token_milliseconds": turn.token_milliseconds,
        },
    }


def _history(entries: Any) -> list[Message]:
    """Return messages from entries as a program gives them.

    Raises:
        InputError: they are no list of such entries.
    """
    if entries is None:
        return []
    check_type("history", entries, list)
    messages = []
    for entry in entries:
        check_type("an entry of history", entry, dict)
        if not {"role", "content"} <= set(entry) <= {"role", "content", "echo"}:
            raise InputError("An entry of history has a role, a content, and for a user maybe an echo.")
        for name, value in entry.items():
            check_type(f"the {name} of an entry of history", value, str)
        messages.append(Message(entry["role"], entry["content"], entry.get("echo", "")))
    return messages
