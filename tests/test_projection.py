import torch

from fusion_demo.projection import Projection


def test_it_is_one_linear_map_behind_a_layer_norm():
    torch.manual_seed(0)
    projection = Projection(4, 6, embedding_rms=0.5)
    fused = torch.randn(2, 3, 4) * 7 + 2
    for b in range(2):
        for t in range(3):
            x = fused[b, t]
            normed = (x - x.mean()) / torch.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)
            expected = projection.linear.weight @ normed + projection.linear.bias
            torch.testing.assert_close(projection(fused)[b, t], expected)


def test_without_the_norm_it_is_equation_9_alone():
    projection = Projection(4, 6, embedding_rms=0.5, norm=False)
    x = torch.randn(4)
    torch.testing.assert_close(projection(x), projection.linear.weight @ x + projection.linear.bias)


def test_soft_tokens_and_boundary_start_at_the_llms_own_scale():
    torch.manual_seed(0)
    projection = Projection(256, 512, embedding_rms=0.136)
    soft = projection(torch.randn(100, 256) * 30)
    assert abs(soft.pow(2).mean().sqrt().item() / 0.136 - 1) < 0.05
    assert abs(projection.boundary.pow(2).mean().sqrt().item() / 0.136 - 1) < 0.1
