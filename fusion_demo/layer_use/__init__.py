"""Which layers a bridge uses: how much of each, and whether its answers depend on them."""

from fusion_demo.layer_use.faithfulness import (
    Faithfulness,
    check_masked,
    measure_faithfulness,
    summarise_faithfulness,
)
from fusion_demo.layer_use.figure import layer_use_figure
from fusion_demo.layer_use.weights import LayerUse, measure_layer_use, summarise_layer_use

__all__ = [
    "Faithfulness",
    "LayerUse",
    "check_masked",
    "layer_use_figure",
    "measure_faithfulness",
    "measure_layer_use",
    "summarise_faithfulness",
    "summarise_layer_use",
]
