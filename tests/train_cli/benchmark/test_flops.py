import torch
from torch.nn import functional

from train_cli.benchmark.flops import count_flops


def test_flops_of_a_product_and_its_backward_pass():
    left, right = torch.randn(3, 5, requires_grad=True), torch.randn(5, 7, requires_grad=True)
    assert count_flops(lambda: left @ right) == 2 * 3 * 5 * 7
    # Backward: the gradient times each of the two.
    assert count_flops(lambda: (left @ right).sum().backward()) == 3 * 2 * 3 * 5 * 7


def test_fused_attention_of_the_cpu_is_counted():
    query = torch.randn(1, 2, 6, 4)
    assert count_flops(lambda: functional.scaled_dot_product_attention(query, query, query)) == (
        2 * 2 * (2 * 6 * 6 * 4)
    )
    query.requires_grad_()
    forward_and_backward = count_flops(
        lambda: functional.scaled_dot_product_attention(query, query, query).sum().backward()
    )
    assert forward_and_backward > 2 * 2 * 2 * (2 * 6 * 6 * 4)
