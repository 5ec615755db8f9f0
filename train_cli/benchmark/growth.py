"""`benchmark growth`: how the cost grows with the text, the batch and the encoder's depth."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from fusion_demo.bridge import FusionBridge
from fusion_demo.config import BridgeConfig
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.frozen import FrozenModels
from fusion_demo.fusion import build_fusion
from fusion_demo.pretrained.random_weights import build_mt5_large
from fusion_demo.tasks import WRITING_TASKS
from train_cli.arguments import count
from train_cli.benchmark.rounds import exponent, interleave, seconds, summary
from train_cli.benchmark.sizes import size_list
from train_cli.benchmark.texts import text_of

TASK = WRITING_TASKS["chat"]
BRIDGE, LLM, ENCODER, FUSION = "encoder and bridge", "LLM, first token", "encoder", "fusion"
BATCH_TOKENS = 32
"""Tokens of each text while the batch grows."""

VOCABULARY = 300
"""Rows of the deep encoders' embedding table: enough for bytes, and its size costs no time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark growth`."""
    add = parser.add_argument
    parser.set_defaults(repeats=5)
    add("--encoder", default=BridgeConfig.encoder, help=f"default: {BridgeConfig.encoder}")
    add("--llm", default=BridgeConfig.llm, help=f"default: {BridgeConfig.llm}")
    sizes = {
        "--tokens": ([16, 32, 64, 128, 256, 512], "encoder tokens of a text"),
        "--batches": ([1, 4, 16, 64], f"texts of {BATCH_TOKENS} tokens"),
        "--depths": ([12, 24, 48], "encoder layers, random weights in mT5-Large's width"),
    }
    for flag, (default, text) in sizes.items():
        shown = ",".join(map(str, default))
        add(flag, type=size_list, default=default, metavar="N,N,…", help=f"{text} (default: {shown})")
    add(
        "--depth-tokens",
        type=count(1),
        default=64,
        metavar="N",
        help="tokens read at each depth (default: 64)",
    )
    add(
        "--width", type=count(1), default=1024, metavar="N", help="width of the deep encoders (default: 1024)"
    )


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the three curves, each with all its sizes in turn.

    Raises:
        ModelError: a model cannot be loaded.
        ConfigError: the width cannot be split into the fusion's heads.
    """
    bridge = FrozenModels().build(
        BridgeConfig(encoder=arguments.encoder, llm=arguments.llm, max_text_tokens=max(arguments.tokens))
    )
    longest = {n: [_text(bridge, n)] for n in arguments.tokens}
    batches = {n: [_text(bridge, BATCH_TOKENS)] * n for n in arguments.batches}
    repeats, seed = arguments.repeats, arguments.seed
    curves = {
        "tokens": {
            "note": "One text, by its length in encoder tokens:",
            **_curve({n: _reading(bridge, texts) for n, texts in longest.items()}, repeats, seed),
        },
        "texts": {
            "note": f"Texts of {BATCH_TOKENS} tokens, by their number in a batch:",
            **_curve({n: _reading(bridge, texts) for n, texts in batches.items()}, repeats, seed),
        },
    }
    del bridge
    works = {n: _depth(n, arguments.width, arguments.depth_tokens) for n in arguments.depths}
    curves["layers"] = {
        "note": f"One text of {arguments.depth_tokens} tokens, by the encoder's layers (width "
        f"{arguments.width}, random weights):",
        **_curve(works, repeats, seed),
    }
    return {
        "fusion": "transformer-softmax",
        "models": {"encoder": arguments.encoder, "llm": arguments.llm},
        "curves": curves,
    }


def _curve(works: Mapping[int, Mapping[str, Callable[[], Any]]], repeats: int, seed: int) -> dict[str, Any]:
    """Return the milliseconds of each part at each size, and each part's exponent."""
    parts = list(next(iter(works.values())))

    def call(work: Callable[[], Any]) -> Callable[[int], float]:
        def timed(_: int) -> float:
            with torch.inference_mode():
                return 1000 * seconds(work)

        return timed

    times = interleave(
        {f"{part} {size}": call(work[part]) for size, work in works.items() for part in parts}, repeats
    )
    by_part = {part: [times[f"{part} {size}"] for size in works] for part in parts}
    return {
        "sizes": list(works),
        "milliseconds": {part: [summary(values) for values in rows] for part, rows in by_part.items()},
        "exponents": {part: exponent(list(works), rows, seed=seed) for part, rows in by_part.items()},
    }


def _text(bridge: FusionBridge, tokens: int) -> str:
    return text_of(tokens, lambda text: _count(bridge.encoder, text))


def _count(encoder: MultilingualEncoder, text: str) -> int:
    """Tokens of a text, the special ones included, however long it is."""
    return len(encoder.tokenizer(encoder.prefix + text, truncation=False, verbose=False)["input_ids"])


def _reading(bridge: FusionBridge, texts: Sequence[str]) -> dict[str, Callable[[], Any]]:
    """Return what is done with texts: soft tokens are made, and the LLM reads them up to its first token."""
    frame = bridge.frame(TASK.instruction, TASK.bare_prompt)
    with torch.inference_mode():
        embeddings, mask = bridge.close(bridge.soft_tokens(texts), frame)
    return {
        BRIDGE: lambda: bridge.soft_tokens(texts),
        LLM: lambda: bridge.llm.read(frame.before, embeddings, mask, logits_to_keep=1),
    }


def _depth(layers: int, width: int, tokens: int) -> dict[str, Callable[[], Any]]:
    """Return what is done with one text at a depth: it is encoded, and its layers are fused."""
    heads = max(1, width // 64)
    encoder = MultilingualEncoder(
        *build_mt5_large(
            num_layers=layers,
            d_model=width,
            d_kv=width // heads,
            num_heads=heads,
            d_ff=round(2.75 * width),
            vocab_size=VOCABULARY,
        ),
        max_tokens=tokens,
    )
    fusion = build_fusion(BridgeConfig(fusion="transformer-softmax"), layers, width).eval()
    text = text_of(tokens, lambda text: _count(encoder, text))
    encoded = encoder([text])
    return {
        ENCODER: lambda: encoder([text]),
        FUSION: lambda: fusion(encoded.layer_states, encoded.mask),
    }
