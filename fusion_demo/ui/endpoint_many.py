"""The endpoint `/classify_many`: many texts at once, for programs."""

from typing import Any

import gradio as gr

from fusion_demo.errors import FusionDemoError, InputError
from fusion_demo.many_texts import InputRow, check_row_count, result_row
from fusion_demo.session import Session
from fusion_demo.tasks import get_task
from fusion_demo.ui.api_types import check_type
from fusion_demo.ui.classify_many import IN_BATCHES
from fusion_demo.ui.reading import reading_notes
from fusion_demo.ui.refusal import refusal


def classify_many_endpoint(session: Session) -> None:
    """Add the endpoint `/classify_many` for programs to the current `gr.Blocks`."""

    def classify_many(
        task: str, texts: list[str], checkpoint: str = "", second_texts: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Label up to 200 texts, or pairs of texts, in any language, in batches.

        Returns one object for each text, in order: "row" from 1, the text under the name of the task's
        field, "label", "scores" of every label, "language" and a "note". A text that cannot be used has no
        label, and the note says why.

        Args:
            task: Name of a task, as "news".
            texts: The texts, or the first of each pair, as the premises of "xnli".
            checkpoint: Name of a checkpoint of that task; empty for the best one.
            second_texts: The second text of each pair, as the hypotheses of "xnli".
        """
        try:
            check_type("task", task, str)
            check_type("checkpoint", checkpoint, str)
            asked = get_task(task)
            rows = _rows(texts, second_texts)
            answers = sorted(session.classify_many(rows, task, checkpoint), key=lambda answer: answer.index)
        except FusionDemoError as error:
            raise refusal(error) from error
        return [
            result_row(
                rows[answer.index],
                answer,
                reading_notes(answer.classification) if answer.classification else (),
            ).as_dict(asked)
            for answer in answers
        ]

    gr.api(classify_many, api_name="classify_many", **IN_BATCHES)


def _rows(texts: Any, second_texts: Any) -> list[InputRow]:
    """Return rows from lists as a program gives them.

    Raises:
        InputError: they are no lists of strings, empty, too long or of unlike length.
    """
    check_type("texts", texts, list)
    if not texts:
        raise InputError("texts is empty. Give at least one.")
    check_row_count(len(texts))
    columns = [texts]
    if second_texts is not None:
        check_type("second_texts", second_texts, list)
        if len(second_texts) != len(texts):
            raise InputError(
                f"There are {len(texts)} texts and {len(second_texts)} second_texts. Give one for each."
            )
        columns.append(second_texts)
    for name, column in zip(("texts", "second_texts"), columns, strict=False):
        for text in column:
            check_type(f"an entry of {name}", text, str)
    return [InputRow(row) for row in zip(*columns, strict=True)]
