"""How near the answers to foreign messages come to what the LLM answers to the English ones."""

from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics import CHRF

from fusion_demo.evaluation.echo import content_words

MEASURES = ("agreement", "divergence", "reference", "recall")
"""What a language's row holds beside `n`."""


def score_answers(
    answers: Sequence[str], english_answers: Sequence[str], references: Sequence[str]
) -> dict[str, Any]:
    """Compare N answers with the LLM's own answers to the English messages, and with reference answers.

    Returns:
        - `agreement`: chrF (sacrebleu) with the LLM's own answers to the English messages; an empty one of
          theirs counts as 0, or as 100 where both are empty.
        - `reference`: chrF with the reference answers.
        - `recall`: per cent of the references' content words that stand in the answers.
        - `n`: N.

        chrF is the mean over the answers, so that each counts alike however long it is.

    Raises:
        ValueError: there is nothing to compare, or the numbers of answers differ.
    """
    if not answers or not len(answers) == len(english_answers) == len(references):
        raise ValueError(
            f"{len(answers)} answers, {len(english_answers)} English ones and {len(references)} references "
            "cannot be compared."
        )
    found = wanted = 0
    for answer, reference in zip(answers, references, strict=True):
        words, said = content_words(reference), set(content_words(answer))
        found += sum(word in said for word in words)
        wanted += len(words)
    return {
        "agreement": _mean_chrf(answers, english_answers),
        "reference": _mean_chrf(answers, references),
        "recall": 100 * found / wanted if wanted else 0.0,
        "n": len(answers),
    }


def _mean_chrf(answers: Sequence[str], wanted: Sequence[str]) -> float:
    metric = CHRF()
    scores = [
        100.0 if answer == right else metric.sentence_score(answer, [right]).score
        for answer, right in zip(answers, wanted, strict=True)
    ]
    return sum(scores) / len(scores)
