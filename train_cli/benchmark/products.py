"""The matrix products that a computation makes: their operations, and their time alone."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten
PRODUCTS = (aten.mm.default, aten.addmm.default, aten.bmm.default, aten.baddbmm.default)


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


def record_products(work: Callable[[], Any]) -> Callable[[], None]:
    """Return a call that makes the matrix products of `work` again, at the same shapes and strides.

    The numbers multiplied are made up: of each operand a single copy is held for its shape and strides.
    """
    recorder = _Recorder()
    with recorder:
        work()
    calls = [(product, tuple(_made_up(a, recorder.operands) for a in a_s)) for product, a_s in recorder.calls]

    def again() -> None:
        for product, operands in calls:
            product(*operands)

    return again


class _Recorder(TorchDispatchMode):
    """Notes each matrix product: the operation, and each operand's sizes and strides."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...]]] = []
        self.operands: dict[tuple[Any, ...], Tensor] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple = (), options: Mapping | None = None
    ) -> Any:
        if function in PRODUCTS:
            shapes = (
                (tuple(a.shape), a.stride(), a.dtype, a.device) if isinstance(a, Tensor) else a
                for a in arguments
            )
            self.calls.append((function, tuple(shapes)))
        return function(*arguments, **options or {})


def _made_up(operand: Any, known: dict[tuple[Any, ...], Tensor]) -> Any:
    if not isinstance(operand, tuple):
        return operand
    if operand not in known:
        shape, strides, dtype, device = operand
        tensor = torch.empty_strided(shape, strides, dtype=dtype, device=device)
        # An expanded operand has strides of 0: what lies under it is filled once.
        under = tensor[tuple(slice(None) if s else slice(1) for s in strides)] if tensor.ndim else tensor
        under.fill_(0.5)
        known[operand] = tensor
    return known[operand]


def _attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _attention_backward(
    gradient: Any, query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any
) -> int:
    return sdpa_backward_flop_count(gradient, query, key, value)
