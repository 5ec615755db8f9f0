"""The endpoint `/layers`: what the tab Layers measures of texts, as JSON for programs."""

from typing import Any

import gradio as gr

from fusion_demo.errors import FusionDemoError, InputError
from fusion_demo.layer_session import LayerSession
from fusion_demo.ui.api_types import check_type
from fusion_demo.ui.layers import ONE_MASKING
from fusion_demo.ui.refusal import refusal


def layers_endpoint(measured: LayerSession) -> None:
    """Add the endpoint `/layers` for programs to the current `gr.Blocks`."""

    def layers(
        texts: list[str],
        checkpoint: str = "",
        second_texts: list[str] | None = None,
        masked: int = 0,
        draws: int = 5,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Measure how much of each encoder layer goes into texts, and what becomes of answers without some.

        Args:
            texts: One to four texts in any language, or the first of each pair.
            checkpoint: Name of a checkpoint of a task with labels; empty for the best one.
            second_texts: The second of each pair, in the same order, where the checkpoint's task needs one.
            masked: Mask 1 to this many of each text's most-used layers, at most 6, and as many at random; 0:
                mask none.
            draws: Random choices of layers to compare with, at most 10.
            seed: Of the random choices.
        """
        try:
            check_type("texts", texts, list)
            check_type("checkpoint", checkpoint, str)
            for name, value in {"masked": masked, "draws": draws, "seed": seed}.items():
                check_type(name, value, int)
            given = [[text] for text in texts]
            if second_texts is not None:
                check_type("second_texts", second_texts, list)
                if len(second_texts) != len(texts):
                    raise InputError("Give as many second_texts as texts, or none.")
                given = [list(pair) for pair in zip(texts, second_texts, strict=True)]
            for text in given:
                for part in text:
                    check_type("a text", part, str)
            found = measured.profiles(given, checkpoint)
            masking = [None] * len(given)
            if masked:
                for number, text in enumerate(given):
                    *_, last = measured.mask(text, checkpoint, masked=masked, draws=draws, seed=seed)
                    masking[number] = last.summary
        except FusionDemoError as error:
            raise refusal(error) from error
        return {
            "layers": found[0].layers,
            "texts": [
                {
                    "text": one.text,
                    "language": one.language,
                    "tokens": one.tokens,
                    "truncated": one.truncated,
                    "weights": one.profile.weights,
                    "contributions": one.profile.shares,
                    "masking": summary,
                }
                for one, summary in zip(found, masking, strict=True)
            ],
        }

    gr.api(layers, api_name="layers", **ONE_MASKING)
