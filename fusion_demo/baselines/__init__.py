"""Simpler systems that the bridge is measured against. Each answers tasks as a bridge does.

llm_alone.py               the LLM reads the text itself
translator.py              an encoder-decoder model into English
translation_pipeline.py    the LLM alone reads the translator's English
linear_probe.py            logistic regression on the encoder, without an LLM
"""

from fusion_demo.baselines.linear_probe import LinearProbe, ProbeAnswerer, fit_linear_probe, pool_texts
from fusion_demo.baselines.llm_alone import LLMAlone
from fusion_demo.baselines.translation_pipeline import TranslationPipeline
from fusion_demo.baselines.translator import Translator

__all__ = [
    "LLMAlone",
    "LinearProbe",
    "ProbeAnswerer",
    "TranslationPipeline",
    "Translator",
    "fit_linear_probe",
    "pool_texts",
]
