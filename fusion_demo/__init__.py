"""Fusion Demo: a trained bridge from a frozen multilingual encoder to a frozen English LLM.

    text → encoder → layer states (B,T,L,D) → fusion → fused (B,T,D) + layer weights (B,T,L)
         → projection → (B,T,E) → prompt → frozen LLM → English answer / label scores
    layer weights → heatmap

Shapes, everywhere: B texts, T encoder tokens, L encoder layers (embedding output left out),
D encoder width, E LLM width, V LLM vocabulary, K labels. `docs/architecture.md` is the map.
"""
