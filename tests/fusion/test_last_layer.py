import torch

from fusion_demo.fusion import LastLayerFusion


def test_only_the_last_layer_is_used():
    fusion = LastLayerFusion(3, 1)
    output = fusion(torch.tensor([[[[1.0], [2.0], [3.0]]]]), torch.ones(1, 1, dtype=torch.bool))
    assert output.fused.tolist() == [[[3.0]]]
    assert output.layer_weights.tolist() == [[[0.0, 0.0, 1.0]]]


def test_there_is_nothing_to_train():
    assert list(LastLayerFusion(3, 4).parameters()) == []
