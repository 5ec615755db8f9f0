"""Measuring a bridge: predictions over a set of examples, accuracy per language, tables."""

from fusion_demo.evaluation.predict import Prediction, classify_examples
from fusion_demo.evaluation.report import (
    build_report,
    format_report,
    mean_accuracy,
    percent,
    score_language,
)

__all__ = [
    "Prediction",
    "build_report",
    "classify_examples",
    "format_report",
    "mean_accuracy",
    "percent",
    "score_language",
]
