"""The endpoint `/classify`: what the tab shows, as JSON for programs."""

from typing import Any

import gradio as gr

from fusion_demo.errors import FusionDemoError, InputError
from fusion_demo.session import Session
from fusion_demo.ui.classify import ONE_AT_A_TIME


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
                if not isinstance(value, str):
                    raise InputError(f"{name} must be a string, not {type(value).__name__}.")
            result = session.classify(text, task, checkpoint, second_text)
        except FusionDemoError as error:
            raise gr.Error(str(error)) from error
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
