"""Layer fusion: (B, T, L, D) layer states -> (B, T, D) fused states and (B, T, L) weights."""

from fusion_demo.config import BridgeConfig
from fusion_demo.fusion.base import FusionOutput, LayerFusion
from fusion_demo.fusion.depthwise_attention import DepthwiseAttentionFusion
from fusion_demo.fusion.global_softmax import GlobalSoftmaxFusion
from fusion_demo.fusion.last_layer import LastLayerFusion
from fusion_demo.fusion.scaling_vectors import ScalingVectorsFusion
from fusion_demo.fusion.transformer_softmax import TransformerSoftmaxFusion
from fusion_demo.fusion.transparent_attention import TransparentAttentionFusion

__all__ = [
    "FUSIONS",
    "DepthwiseAttentionFusion",
    "FusionOutput",
    "GlobalSoftmaxFusion",
    "LastLayerFusion",
    "LayerFusion",
    "ScalingVectorsFusion",
    "TransformerSoftmaxFusion",
    "TransparentAttentionFusion",
    "build_fusion",
]

FUSIONS: dict[str, type[LayerFusion]] = {
    "last-layer": LastLayerFusion,
    "global-softmax": GlobalSoftmaxFusion,
    "transformer-softmax": TransformerSoftmaxFusion,
    "scaling-vectors": ScalingVectorsFusion,
    "transparent-attention": TransparentAttentionFusion,
    "depthwise-attention": DepthwiseAttentionFusion,
}


def build_fusion(config: BridgeConfig, num_layers: int, width: int) -> LayerFusion:
    """Build the fusion that the config names, for an encoder of `num_layers` layers of `width`."""
    return FUSIONS[config.fusion].from_config(config, num_layers, width)
