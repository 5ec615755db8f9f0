"""The endpoint `/compare`: one text through several systems, for programs."""

from typing import Any

import gradio as gr

from fusion_demo.errors import FusionDemoError, InputError
from fusion_demo.lanes import Lane, LaneAnswer
from fusion_demo.session import Session
from fusion_demo.ui.api_types import check_type
from fusion_demo.ui.reading import ONE_AT_A_TIME
from fusion_demo.ui.refusal import refusal


def compare_endpoint(session: Session) -> None:
    """Add the endpoint `/compare` for programs to the current `gr.Blocks`."""

    def compare(
        task: str, text: str, lanes: list[dict[str, Any]], second_text: str = ""
    ) -> list[dict[str, Any]]:
        """Ask several systems about a text, or a pair of texts, in any language.

        Returns one object for each lane, in order. A lane that has no answer has the reason under "problem".
        Times are in milliseconds from the text to the scores, sizes in bytes; "peak" is the most that the
        whole program held meanwhile, and "before" what it held when the lane began.

        Args:
            task: Name of a task, as "news".
            text: The text, or the first of a pair, as the premise of "xnli".
            lanes: Up to four systems: {"system": name of a checkpoint, "llm-alone" or
                "translation-pipeline"}. For a checkpoint, "last_layer_only": true masks all encoder layers
                but the last.
            second_text: The second text of a pair, as the hypothesis of "xnli".
        """
        try:
            for name, value in {"task": task, "text": text, "second_text": second_text}.items():
                check_type(name, value, str)
            asked = _lanes(lanes)
            answers = list(session.compare(text, task, asked, second_text))
        except FusionDemoError as error:
            raise refusal(error) from error
        return [_values(lane, answer) for lane, answer in zip(asked, answers, strict=True)]

    gr.api(compare, api_name="compare", **ONE_AT_A_TIME)


def _lanes(entries: Any) -> list[Lane]:
    """Return lanes from entries as a program gives them.

    Raises:
        InputError: they are no list of such entries.
    """
    check_type("lanes", entries, list)
    lanes = []
    for entry in entries:
        check_type("an entry of lanes", entry, dict)
        if not {"system"} <= set(entry) <= {"system", "last_layer_only"}:
            raise InputError("An entry of lanes has a system and maybe last_layer_only.")
        check_type("the system of a lane", entry["system"], str)
        check_type("last_layer_only of a lane", entry.get("last_layer_only", False), bool)
        lanes.append(Lane(**entry))
    return lanes


def _values(lane: Lane, answer: LaneAnswer | FusionDemoError) -> dict[str, Any]:
    values: dict[str, Any] = {"system": lane.system, "last_layer_only": lane.last_layer_only}
    if isinstance(answer, FusionDemoError):
        return {**values, "problem": str(answer)}
    values |= {
        "label": answer.label,
        "scores": answer.scores,
        "truncated": answer.truncated,
        "milliseconds": answer.milliseconds,
        "weights": answer.weights,
        "memory": {"before": answer.memory.before, "peak": answer.memory.peak},
    }
    result = answer.classification
    if result is None:
        english = (
            answer.english
            if answer.english is None or isinstance(answer.english, str)
            else list(answer.english)
        )
        return {**values, "english": english, "llm_tokens": answer.llm_tokens}
    return {
        **values,
        "language": result.language,
        "tokens": [token.text for token in result.tokens],
        "parts": result.parts,
        "layers": result.layers,
        "layer_weights": result.layer_weights.tolist(),
    }
