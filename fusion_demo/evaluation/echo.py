"""How much of a text arrives: the English that an LLM repeats, against the English that was meant."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from fusion_demo.understanding import Thresholds

WORD = re.compile(r"\w+(?:['’]\w+)*")
"""A word of English; scripts with vowel signs would want another rule."""

MEASURES = ("chrf", "bleu", "recall", "retrieval", "vector_retrieval")
"""What `score_echoes` returns beside `n`, each in per cent; the last with vectors alone."""

WELL, PARTLY = 0.9, 0.5
"""Probability that an echo is found, from which on a text counts as understood well, and partly."""


def score_echoes(
    echoes: Sequence[str],
    references: Sequence[str],
    vectors: tuple[Tensor, Tensor] | None = None,
) -> dict[str, Any]:
    """Compare N echoes with the N English texts that they should repeat.

    Args:
        echoes: What a system wrote.
        references: What it should have written.
        vectors: Sentence vectors of length 1 of the echoes and of the references, (N, D) each.

    Returns:
        - `chrf`: chrF of the whole corpus (Popović, 2015; sacrebleu's, character 6-grams, beta 2).
        - `bleu`: BLEU of the whole corpus (Papineni et al., 2002; sacrebleu's, 13a).
        - `recall`: share of the references' content words, see `content_words`, that stand in their echoes.
        - `retrieval`: share of the echoes that are closer (chrF) to their own reference than to every other.
          Among N texts, 100 / N by guessing; an echo as close to another text is not counted.
        - `vector_retrieval`: the same by the cosine of sentence vectors, if there are any.
        - `n`: N.

    Raises:
        ValueError: there is nothing to compare, or the numbers of texts differ.
    """
    if not echoes or len(echoes) != len(references):
        raise ValueError(f"{len(echoes)} echoes cannot be compared with {len(references)} references.")
    found = wanted = 0
    for echo, reference in zip(echoes, references, strict=True):
        words, said = content_words(reference), set(content_words(echo))
        found += sum(word in said for word in words)
        wanted += len(words)
    retrieved = sum(_is_closest(own, echo, references) for own, echo in enumerate(echoes))
    by_vector = {}
    if vectors:
        by_vector = {"vector_retrieval": 100 * sum(find_by_vector(*vectors)) / len(echoes)}
    return {
        "chrf": CHRF().corpus_score(list(echoes), [list(references)]).score,
        "bleu": BLEU().corpus_score(list(echoes), [list(references)]).score,
        "recall": 100 * found / wanted if wanted else 0.0,
        "retrieval": 100 * retrieved / len(echoes),
        **by_vector,
        "n": len(echoes),
    }


def find_by_vector(said: Tensor, meant: Tensor) -> list[bool]:
    """Return whether each of N echoes is nearest to its own reference, by vectors of length 1, (N, D)."""
    return [own == nearest for own, nearest in enumerate((said @ meant.T).argmax(dim=1).tolist())]


def find_thresholds(similarities: Sequence[float], found: Sequence[bool]) -> Thresholds:
    """Return from which similarity on an echo may be trusted, by dev texts.

    Args:
        similarities: Between N texts and their echoes.
        found: Whether the echo's vector was nearest to its own English line.

    Returns:
        The similarities at which an echo is found with a probability of `WELL` and of `PARTLY`, by logistic
        regression (Platt, 1999). Where all were found, or none, everything is one or the other.
    """
    if len(set(found)) < 2:
        both = -1.0 if all(found) else 2.0
        return Thresholds(both, both)
    scaled = StandardScaler().fit(np.array(similarities)[:, None])
    fitted = LogisticRegression().fit(scaled.transform(np.array(similarities)[:, None]), found)
    logits = np.log([WELL / (1 - WELL), PARTLY / (1 - PARTLY)])
    well, partly = scaled.inverse_transform(((logits - fitted.intercept_) / fitted.coef_[0])[:, None])[:, 0]
    return Thresholds(max(float(well), float(partly)), float(partly))


def content_words(text: str) -> list[str]:
    """Return a text's words in lower case, without scikit-learn's English stop words.

    Example: "The cat, it's said, sat." -> ["cat", "it's", "said", "sat"].
    """
    return [word for word in WORD.findall(text.lower()) if word not in ENGLISH_STOP_WORDS]


def _is_closest(own: int, echo: str, references: Sequence[str]) -> bool:
    metric = CHRF()
    scores = [metric.sentence_score(echo, [reference]).score for reference in references]
    return scores[own] > max((s for i, s in enumerate(scores) if i != own), default=-1.0)
