"""`benchmark fusion`: transformer-softmax alone, against its own matrix products, for growing texts."""

import argparse
from typing import Any

import torch

from fusion_demo.fusion import TransformerSoftmaxFusion
from train_cli.arguments import count
from train_cli.benchmark.machine import gemm_rate
from train_cli.benchmark.memory import in_child, peak_during
from train_cli.benchmark.products import count_flops, record_products
from train_cli.benchmark.rounds import exponent, interleave, paired_ratio, seconds, summary
from train_cli.benchmark.sizes import size_list

FLOAT_BYTES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark fusion`."""
    add = parser.add_argument
    parser.set_defaults(repeats=10)
    add(
        "--tokens",
        type=size_list,
        default=[64, 128, 256, 512],
        metavar="N,N,…",
        help="numbers of tokens (default: 64,128,256,512)",
    )
    add("--layers", type=count(1), default=24, metavar="N", help="encoder layers (default: 24)")
    add("--width", type=count(1), default=1024, metavar="N", help="encoder width (default: 1024)")
    add("--heads", type=count(1), default=4, metavar="N", help="attention heads (default: 4)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure forward and backward for every number of tokens, in turn, and each one's peak memory.

    Raises:
        ConfigError: the heads do not divide the width, or memory ran out.
    """
    shape = (arguments.layers, arguments.width, arguments.heads)
    works = {tokens: FusionWork(tokens, *shape, seed=arguments.seed) for tokens in arguments.tokens}
    calls: dict[str, Any] = {"gemm": lambda _: gemm_rate()}
    flops = {}
    for tokens, work in works.items():
        flops[tokens] = count_flops(work)
        again = record_products(work)
        calls[f"step {tokens}"] = lambda _, work=work: seconds(work)
        calls[f"products {tokens}"] = lambda _, again=again: seconds(again)
    times = interleave(calls, arguments.repeats)
    rows = []
    for tokens in works:
        steps, products = times[f"step {tokens}"], times[f"products {tokens}"]
        floor = [flops[tokens] / rate for rate in times["gemm"]]
        peak = in_child(peak_of, tokens, *shape, arguments.seed)
        rows.append(
            {
                "tokens": tokens,
                "milliseconds": summary([1000 * t for t in steps]),
                "product_milliseconds": summary([1000 * t for t in products]),
                "gflop": flops[tokens] / 1e9,
                "of_products": paired_ratio(steps, products, seed=arguments.seed),
                "of_flops": paired_ratio(steps, floor, seed=arguments.seed),
                "states_bytes": tokens * arguments.layers * arguments.width * FLOAT_BYTES,
                "added_bytes": max(1, peak["peak_bytes"] - peak["loaded_bytes"]),
            }
        )
    sizes = list(works)
    added = [[row["added_bytes"]] * 2 for row in rows]
    return {
        "layers": arguments.layers,
        "width": arguments.width,
        "sizes": rows,
        "time_exponent": exponent(sizes, [times[f"step {tokens}"] for tokens in sizes], seed=arguments.seed),
        "memory_exponent": exponent(sizes, added)["exponent"],
    }


def peak_of(tokens: int, layers: int, width: int, heads: int, seed: int) -> dict[str, int]:
    """Return the peak memory of one forward and backward pass; the layer states are there before."""
    FusionWork(1, layers, width, heads, seed=seed)()  # so that what is loaded once does not count
    return peak_during(FusionWork(tokens, layers, width, heads, seed=seed)).as_dict()


class FusionWork:
    """One forward and backward pass of a fusion in training, as a call.

    Args:
        tokens: T, of one text.
        layers: L.
        width: D.
        heads: Attention heads.
        seed: Of weights and states.
    """

    def __init__(self, tokens: int, layers: int, width: int, heads: int, *, seed: int) -> None:
        torch.manual_seed(seed)
        self.fusion = TransformerSoftmaxFusion(layers, width, heads=heads).train()
        self.states = torch.randn(1, tokens, layers, width)
        self.mask = torch.ones(1, tokens, dtype=torch.bool)
        self.gradient = torch.randn(1, tokens, width)

    def __call__(self) -> None:
        """Fuse the states, and hand a gradient back to the fusion's parameters."""
        self.fusion.zero_grad(set_to_none=True)
        self.fusion(self.states, self.mask).fused.backward(self.gradient)
