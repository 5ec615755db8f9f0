"""Simpler systems that the bridge is measured against."""

from fusion_demo.baselines.linear_probe import LinearProbe, fit_linear_probe, pool_texts

__all__ = ["LinearProbe", "fit_linear_probe", "pool_texts"]
