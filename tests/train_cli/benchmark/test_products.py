import torch
from torch.nn import functional

from train_cli.benchmark import products
from train_cli.benchmark.products import count_flops, record_products


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


def test_recorded_products_have_the_same_operations_and_shapes():
    linear = torch.nn.Linear(5, 7)
    states = torch.randn(2, 3, 5)

    def work():
        (linear(states) @ linear.weight).relu().sum().backward()

    again = record_products(work)
    assert count_flops(again) == count_flops(work)


def test_only_products_are_recorded():
    assert count_flops(record_products(lambda: torch.randn(4, 4).softmax(dim=0).sum())) == 0


def test_expanded_operands_keep_their_strides():
    seen = []
    row = torch.randn(1, 4).expand(3, 4)
    again = record_products(lambda: torch.mm(row, torch.randn(4, 2)))

    class Watch(products.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            seen.append([a.stride() for a in arguments])
            return function(*arguments, **options or {})

    with Watch():
        again()
    assert seen == [[(0, 1), (2, 1)]]
