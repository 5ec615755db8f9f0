"""`benchmark table5`: what each system costs, as in the paper's Table V: latency and peak memory."""

import argparse
from typing import Any

from fusion_demo.config import comma_separated
from fusion_demo.errors import ConfigError, unknown_name
from train_cli.arguments import count, read_device
from train_cli.benchmark.memory import in_child, peak_during
from train_cli.benchmark.rounds import interleave, paired_ratio, summary
from train_cli.benchmark.writers import PIPELINE, SYSTEMS, Setting, build_writers

BASELINE = "last-layer"
SHAPES = {
    "embedded": {
        "encoder": "embedded:multilingual-e5-small",
        "llm": "embedded:smollm2-135m-instruct",
        "translator": "random:nllb-600m",
    },
    "paper": {
        "encoder": "random:mt5-large",
        "llm": "random:llama-3.2-1b",
        "translator": "random:nllb-1.3b",
    },
    "tiny": {"encoder": "tiny:encoder", "llm": "tiny:llm", "translator": "random:nllb-600m"},
}
TIMES = {"per_token": "per_token", "first_token": "first", "further_token": "further"}
"""Measure → attribute of `Written`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `benchmark table5`."""
    parser.set_defaults(repeats=10)
    parser.add_argument(
        "--shapes",
        choices=SHAPES,
        default="embedded",
        help="models: the embedded ones, or the paper's in full size with random weights, about 14 GB "
        "(default: embedded)",
    )
    parser.add_argument(
        "--systems",
        default=",".join(SYSTEMS),
        metavar="NAMES",
        help="comma-separated; last-layer is always among them (default: all)",
    )
    parser.add_argument("--translator", help="hub id or folder (default: NLLB's shape with random weights)")
    parser.add_argument(
        "--new-tokens", type=count(2), default=32, metavar="N", help="tokens of each answer (default: 32)"
    )
    parser.add_argument(
        "--text-tokens",
        type=count(1),
        default=80,
        metavar="N",
        help="tokens that a byte-level encoder or translator reads (default: 80)",
    )
    parser.add_argument(
        "--translation-tokens",
        type=count(1),
        default=32,
        metavar="N",
        help="tokens that a translator with random weights writes (default: 32)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (default: cpu)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all systems in one process, in turn, and the peak memory of each in one of its own.

    Raises:
        ConfigError: a system or the device is unknown, or memory ran out.
        ModelError: a model cannot be loaded.
    """
    names = list(dict.fromkeys([*comma_separated(arguments.systems), BASELINE]))
    for name in names:
        if name not in SYSTEMS:
            raise ConfigError(unknown_name("system", name, SYSTEMS))
    names.sort(key=SYSTEMS.index)
    shapes = SHAPES[arguments.shapes]
    setting = Setting(
        encoder=shapes["encoder"],
        llm=shapes["llm"],
        translator=arguments.translator or shapes["translator"],
        text_tokens=arguments.text_tokens,
        translation_tokens=arguments.translation_tokens,
        new_tokens=arguments.new_tokens,
        seed=arguments.seed,
        device=read_device(arguments.device),
    )
    times, reads = in_child(time_systems, names, setting, arguments.repeats)
    systems = {}
    for name in names:
        print(f"peak memory of {name} ...", flush=True)
        systems[name] = {
            "reads": reads[name],
            "milliseconds": {kind: summary(values) for kind, values in times[name].items()},
            "ratios": {
                kind: paired_ratio(values, times[BASELINE][kind], seed=arguments.seed)
                for kind, values in times[name].items()
            },
            **in_child(peak_of, name, setting),
        }
    models = {"encoder": setting.encoder, "llm": setting.llm}
    if PIPELINE in names:
        models["translator"] = setting.translator
    return {
        "shapes": arguments.shapes,
        "models": models,
        "device": setting.device,
        "baseline": BASELINE,
        "new_tokens": setting.new_tokens,
        "translation_tokens": setting.translation_tokens,
        "systems": systems,
    }


def time_systems(
    names: list[str], setting: Setting, repeats: int
) -> tuple[dict[str, dict[str, list[float]]], dict[str, int]]:
    """Return each system's milliseconds by measure, one for each round; and the tokens its LLM reads."""
    writers = build_writers(names, setting)
    calls = {name: lambda _, writer=writer: writer.write() for name, writer in writers.items()}
    rounds = interleave(calls, repeats)
    times = {
        name: {
            kind: [1000 * getattr(result, attribute) for result in results]
            for kind, attribute in TIMES.items()
        }
        for name, results in rounds.items()
    }
    return times, {name: writer.reads for name, writer in writers.items()}


def peak_of(name: str, setting: Setting) -> dict[str, int]:
    """Return the peak memory of a system that has the process for itself, models included."""
    writer = build_writers([name], setting)[name]
    return peak_during(writer.write, setting.device).as_dict()
