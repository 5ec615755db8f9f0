import pytest
import torch
from torch import nn

from fusion_demo.config import BridgeConfig
from fusion_demo.projection import Projection

each_map = pytest.mark.parametrize("hidden_width", [0, 5])


def reference(projection, x):
    """One state through the norm and the map, written out."""
    if isinstance(projection.norm, nn.LayerNorm):
        x = (x - x.mean()) / torch.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)
    if projection.hidden is not None:
        x = torch.clamp(projection.hidden.weight @ x + projection.hidden.bias, min=0)
    return projection.linear.weight @ x + projection.linear.bias


@each_map
@pytest.mark.parametrize("norm", [True, False])
@torch.no_grad()
def test_it_equals_the_slow_reference(norm, hidden_width):
    torch.manual_seed(0)
    projection = Projection(4, 6, embedding_rms=0.5, norm=norm, hidden_width=hidden_width)
    for parameter in (projection.linear.bias, *(projection.hidden.parameters() if hidden_width else ())):
        parameter.normal_()
    fused = torch.randn(2, 3, 4) * 7 + 2
    assert projection(fused).shape == (2, 3, 6)
    for b in range(2):
        for t in range(3):
            torch.testing.assert_close(projection(fused)[b, t], reference(projection, fused[b, t]))


@pytest.mark.parametrize(
    ("options", "hidden_width"),
    [({}, 0), ({"projection": "mlp"}, 8), ({"projection": "mlp", "projection_width": 7}, 7)],
)
def test_the_config_chooses_the_map(options, hidden_width):
    projection = Projection.from_config(BridgeConfig(**options), 4, 6, embedding_rms=0.5)
    assert (projection.hidden.out_features if projection.hidden else 0) == hidden_width
    assert isinstance(projection.norm, nn.LayerNorm)
    plain = BridgeConfig(**options, projection_norm=False)
    assert isinstance(Projection.from_config(plain, 4, 6, embedding_rms=0.5).norm, nn.Identity)


def test_a_hidden_layer_makes_it_bend():
    torch.manual_seed(0)
    x = torch.randn(4)
    straight = Projection(4, 6, embedding_rms=0.5, norm=False)
    torch.testing.assert_close(straight(x) + straight(-x), 2 * straight.linear.bias)
    bent = Projection(4, 6, embedding_rms=0.5, norm=False, hidden_width=5)
    assert not torch.allclose(bent(x) + bent(-x), 2 * bent.linear.bias, atol=1e-3)


@pytest.mark.parametrize("hidden_width", [0, 512])
def test_soft_tokens_and_boundary_start_at_the_llms_own_scale(hidden_width):
    torch.manual_seed(0)
    projection = Projection(256, 512, embedding_rms=0.136, hidden_width=hidden_width)
    soft = projection(torch.randn(100, 256) * 30)
    assert abs(soft.pow(2).mean().sqrt().item() / 0.136 - 1) < 0.05
    assert abs(projection.boundary.pow(2).mean().sqrt().item() / 0.136 - 1) < 0.1


@each_map
def test_every_parameter_of_the_map_gets_a_gradient(hidden_width):
    torch.manual_seed(0)
    projection = Projection(4, 6, embedding_rms=0.5, hidden_width=hidden_width)
    (projection(torch.randn(8, 4)) * torch.randn(6)).sum().backward()
    names = {name for name, parameter in projection.named_parameters() if parameter.grad is not None}
    expected = {"norm.weight", "norm.bias", "linear.weight", "linear.bias"}
    assert names == expected | ({"hidden.weight", "hidden.bias"} if hidden_width else set())
