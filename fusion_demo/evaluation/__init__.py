"""Measuring a system: its answers to a set of texts, accuracy and other scores per language, tables."""

from fusion_demo.evaluation.answerer import Answerer, BridgeAnswerer
from fusion_demo.evaluation.exact_match import exact_match
from fusion_demo.evaluation.predict import answer_language, classify_examples, describe_data
from fusion_demo.evaluation.predictions import (
    PredictionRow,
    PredictionRun,
    RunDescription,
    RunWriter,
    open_run,
    read_run,
)
from fusion_demo.evaluation.report import (
    build_report,
    format_confusion,
    format_report,
    mean_accuracy,
    measure_language,
    percent,
    score_language,
)

__all__ = [
    "Answerer",
    "BridgeAnswerer",
    "PredictionRow",
    "PredictionRun",
    "RunDescription",
    "RunWriter",
    "answer_language",
    "build_report",
    "classify_examples",
    "describe_data",
    "exact_match",
    "format_confusion",
    "format_report",
    "mean_accuracy",
    "measure_language",
    "open_run",
    "percent",
    "read_run",
    "score_language",
]
