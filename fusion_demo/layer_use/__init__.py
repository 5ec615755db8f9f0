"""Which layers a bridge uses: how much of each, and whether its answers depend on them."""

from fusion_demo.layer_use.distance import profile_distances
from fusion_demo.layer_use.faithfulness import Faithfulness, measure_faithfulness, summarise_faithfulness
from fusion_demo.layer_use.figure import layer_use_figure
from fusion_demo.layer_use.masking import (
    MaskedAnswers,
    TextMasking,
    check_masked,
    mask_text,
    passes,
    sequence_of,
    summarise_masking,
)
from fusion_demo.layer_use.profiles import Profile, language_profiles, masking_figure, profiles_figure
from fusion_demo.layer_use.reports import find_layer_reports, read_layer_report
from fusion_demo.layer_use.weights import LayerUse, fuse_and_measure, measure_layer_use, summarise_layer_use

__all__ = [
    "Faithfulness",
    "LayerUse",
    "MaskedAnswers",
    "Profile",
    "TextMasking",
    "check_masked",
    "find_layer_reports",
    "fuse_and_measure",
    "language_profiles",
    "layer_use_figure",
    "mask_text",
    "masking_figure",
    "measure_faithfulness",
    "measure_layer_use",
    "passes",
    "profile_distances",
    "profiles_figure",
    "read_layer_report",
    "sequence_of",
    "summarise_faithfulness",
    "summarise_layer_use",
    "summarise_masking",
]
