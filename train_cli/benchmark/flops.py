"""The floating-point operations of the matrix products that a computation makes."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten


def count_flops(work: Callable[[], Any]) -> int:
    """Return the floating-point operations of all matrix products of a call, forward and backward.

    A multiplication and an addition are two. PyTorch's counter knows all but the CPU's own fused attention.
    """
    counter = FlopCounterMode(
        display=False,
        custom_mapping={
            aten._scaled_dot_product_flash_attention_for_cpu: _attention,
            aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
        },
    )
    with counter:
        work()
    return counter.get_total_flops()


def _attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _attention_backward(
    gradient: Any, query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any
) -> int:
    return sdpa_backward_flop_count(gradient, query, key, value)
