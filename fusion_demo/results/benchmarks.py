"""Tables of what `benchmark` measured."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion_demo.results.blocks import MISSING, Block, Cell, Commands, Section, Table
from fusion_demo.results.files import broken
from fusion_demo.results.markdown import render_blocks

HEADING = "Speed, memory and size"
INTRODUCTION = """\
Made by `python -m train_cli benchmark`. All sides of a comparison were measured in one run, in turn, round by
round. A time is the median over the rounds with its quartiles. A ratio is the median of the rounds' ratios
with its 95 % bootstrap interval. Peak memory is the resident memory of a process of its own, models included.
"""


def benchmark_sections(reports: Mapping[Path, Mapping[str, Any]]) -> list[Section]:
    """Return the section of the page that shows the files benchmark-NAME.json; none without such files.

    Raises:
        DataError: a file is no result of `benchmark`.
    """
    parts = []
    for name in PARTS:
        for path, report in reports.items():
            if report.get("benchmark") == name:
                try:
                    parts.append(benchmark_blocks(report))
                except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                    raise broken(path, "benchmark") from None
    if len(parts) != len(reports):
        odd = next(path for path, report in reports.items() if report.get("benchmark") not in PARTS)
        raise broken(odd, "benchmark")
    return [Section(HEADING, [INTRODUCTION, *(block for part in parts for block in part)])] if parts else []


def benchmark_blocks(report: Mapping[str, Any]) -> list[Block]:
    """Return one report: its title, tables, machine and command."""
    return [*PARTS[report["benchmark"]](report), _machine(report), Commands([report["command"]])]


def render_benchmark(report: Mapping[str, Any]) -> str:
    """Return one report as Markdown."""
    return render_blocks(benchmark_blocks(report))


def _table5(report: Mapping[str, Any]) -> list[Block]:
    baseline = report["baseline"]
    header = [
        "system",
        "ms a token",
        f"of {baseline}",
        "ms to the first token",
        f"of {baseline}",
        "ms a further token",
        f"of {baseline}",
        "peak memory, MB",
        "LLM reads, tokens",
    ]
    on_gpu = any("cuda_bytes" in row for row in report["systems"].values())
    if on_gpu:
        header.append("peak on the GPU, MB")
    body = []
    for name, row in report["systems"].items():
        cells = [name]
        for kind in ("per_token", "first_token", "further_token"):
            cells += [_spread(row["milliseconds"][kind]), _ratio(row["ratios"][kind])]
        cells += [_megabytes(row["peak_bytes"]), f"{row['reads']:,}"]
        if on_gpu:
            cells.append(_megabytes(row["cuda_bytes"]) if "cuda_bytes" in row else MISSING)
        body.append(cells)
    models = report["models"]
    notes = [f"Encoder `{models['encoder']}`, LLM `{models['llm']}`, on {report['device']}"]
    notes.append(f"{report['new_tokens']} tokens an answer, the reading included in *ms a token*")
    notes.append(
        "the bridges' trained parts are freshly initialised: their cost does not depend on the values"
    )
    if models.get("translator", "").startswith("random:"):
        notes.append(
            f"the translator is `{models['translator']}`, of random weights, as no trained one can be had: "
            f"it writes {report['translation_tokens']} tokens with 4 beams, and the LLM reads an English "
            "sentence in their place"
        )
    if models["llm"].startswith("random:"):
        notes.append("all weights are random and all tokenisers byte-level")
    return [
        f"### What a token costs, as in the paper's Table V: {report['shapes']} models\n",
        f"{'; '.join(notes)}.\n",
        Table(f"Cost of a token, {report['shapes']} models", header, body),
    ]


def _training(report: Mapping[str, Any]) -> list[Block]:
    body = []
    for name, row in report["systems"].items():
        body.append(
            [
                name,
                _spread(row["examples_per_second"]),
                _ratio(row["ratio"]),
                _megabytes(row["peak_bytes"]),
                f"{row['peak_ratio']:.2f}",
                _megabytes(row["peak_bytes"] - row["loaded_bytes"]),
            ]
        )
    header = ["step", "examples/s", "of plain", "peak memory, MB", "of plain", "above the models, MB"]
    losses, exact, floor = report["losses"], report["exact_losses"], report["floor"]
    shares = [
        [part, f"{100 * share['median']:.1f} ({100 * share['low']:.1f}–{100 * share['high']:.1f})"]
        for part, share in report["shares"].items()
    ]
    return [
        "### Training: our step against the plain one\n",
        f"Task {report['task']}, {report['fusion']}, {report['batch_size']} examples a step, "
        f"{report['steps']} steps. The plain step pads to the longest of an unsorted batch, computes logits "
        "at every position, keeps the encoder in the autograd graph, and fuses padding through a whole "
        "Transformer layer. Over the same batches the two losses differ by at most "
        f"{losses['largest_difference']:.1e} nats (the first is {losses['ours'][0]:.4f}, the last "
        f"{losses['ours'][-1]:.4f}). Each step multiplies the rounding of those before it; in float64, "
        f"{exact['batch_size']} examples a step, they differ by at most {exact['largest_difference']:.1e} "
        f"over {len(exact['ours'])} steps.\n",
        Table("Training step, ours and plain", header, body),
        Table(
            "Where a training step's time goes",
            ["part", "share (quartiles)"],
            shares,
            "Where the time of our step goes, %:",
        ),
        f"A step's matrix products have {floor['gflop_per_step']:.1f} GFLOP; at the measured "
        f"{floor['gemm_gflops']['median']:.0f} GFLOP/s of a large product that is "
        f"{100 * floor['share']['ratio']:.0f} % ({_interval(floor['share'], 100, 0)}) of the step's time. "
        f"{100 * floor['real_tokens']:.0f} % of the tokens in our batches are real, the rest is padding.\n",
    ]


def _generation(report: Mapping[str, Any]) -> list[Block]:
    body = [
        [name, _spread(report["tokens_per_second"][name]), _ratio(report["ratios"][name])]
        for name in report["tokens_per_second"]
    ]
    same = [f"of {name} {number}" for name, number in report["same_answers"].items()]
    sizes = [f"{name}: {_megabytes(number)} MB" for name, number in report["weight_bytes"].items()]
    return [
        "### Writing on a CPU\n",
        f"Greedy, {report['new_tokens']} tokens behind each of {report['prompts']} prompts of "
        f"`{report['checkpoint']}`, in fp32. So many of the {report['prompts']} answers are those of "
        f"{report['baseline']}: {', '.join(same)}. What the memory's bandwidth allows stands below "
        f"({'; '.join(sizes)}); our loop reaches {100 * report['of_floor']['ratio']:.0f} % "
        f"({_interval(report['of_floor'], 100, 0)}) of it.\n",
        Table("Writing on a CPU", ["loop", "tokens/s", f"of {report['baseline']}"], body),
    ]


def _fusion(report: Mapping[str, Any]) -> list[Block]:
    body = []
    for row in report["sizes"]:
        body.append(
            [
                f"{row['tokens']:,}",
                _spread(row["milliseconds"]),
                _spread(row["product_milliseconds"]),
                _ratio(row["of_products"]),
                _ratio(row["of_flops"]),
                _megabytes(row["states_bytes"]),
                _megabytes(row["added_bytes"]),
            ]
        )
    header = [
        "tokens",
        "ms, forward and backward",
        "ms, its matrix products alone",
        "of these",
        "of its FLOPs at the GEMM rate",
        "layer states, MB",
        "memory added, MB",
    ]
    return [
        "### The fusion's own cost: transformer-softmax\n",
        f"{report['layers']} layers of width {report['width']}. The products alone are the step's own, at "
        f"their own shapes, made again. Time grows with tokens^{_exponent(report['time_exponent'])}, the "
        f"memory added with tokens^{report['memory_exponent']:.2f}.\n",
        Table("Cost of transformer-softmax", header, body),
    ]


def _start(report: Mapping[str, Any]) -> list[Block]:
    body = [
        [
            name,
            row["unit"],
            _spread(row),
            f"{row['budget']:g}",
            "yes" if row["median"] <= row["budget"] else "no",
        ]
        for name, row in report["budgets"].items()
    ]
    header = ["what", "unit", "measured", "budget", "within"]
    return ["### Start-up and size\n", Table("Start-up and size", header, body)]


def _load(report: Mapping[str, Any]) -> list[Block]:
    body = []
    for kind, row in report["kinds"].items():
        seconds = row["seconds"]
        times = [f"{seconds['median']:.1f}", f"{seconds['p95']:.1f}"] if seconds else [MISSING, MISSING]
        body.append([kind, f"{row['answered']:,}", f"{row['busy']:,}", f"{row['failed']:,}", *times])
    first, memory = report["first_token"], report["memory"]
    waiting = f"{first['median']:.1f} s, p95 {first['p95']:.1f} s" if first else "not measured"
    return [
        "### Many users at once\n",
        f"{report['users']} users for {report['minutes']:g} minutes, each with one request at a time; the "
        f"models answer one, {report['queue_length']} wait, and what comes beyond is told that the queue is "
        "full (*busy*). *leave* asks and goes before the answer. Seconds are from the request to the answer, "
        f"the waiting included. First token of a chat, the waiting included: median {waiting}. Resident "
        f"memory {memory['start'] / 1e6:,.0f} MB at the start, {memory['end'] / 1e6:,.0f} MB at the end, and "
        f"behind the first quarter {memory['bytes_per_minute'] / 1e6:+.2f} MB a minute.\n",
        Table("Many users at once", ["what", "answered", "busy", "failed", "s, median", "s, p95"], body),
    ]


def _stop(report: Mapping[str, Any]) -> list[Block]:
    body = [
        [phase, _spread(row["milliseconds"]), _short(row["longest"]), f"{row['milliseconds']['n']:,}"]
        for phase, row in report["phases"].items()
    ]
    return [
        "### A chat that is stopped\n",
        f"Milliseconds from the stop, at a random moment, to the end of the turn, when the models are free "
        f"for the next one; `{report['checkpoint']}`, budget {report['budget_milliseconds']:g} ms.\n",
        Table("A chat that is stopped", ["stopped", "ms to the end", "ms, longest", "n"], body),
    ]


def _growth(report: Mapping[str, Any]) -> list[Block]:
    parts = [
        "### Growth\n",
        f"{report['fusion']}; cost ∝ size^exponent, fitted through the logarithms of all sizes, 95 % "
        "interval over the rounds.\n",
    ]
    for title, curve in report["curves"].items():
        names = list(curve["milliseconds"])
        body = [
            [f"{size:,}", *(_spread(curve["milliseconds"][name][index]) for name in names)]
            for index, size in enumerate(curve["sizes"])
        ]
        body.append(["exponent", *(_exponent(curve["exponents"][name]) for name in names)])
        header = [title, *(f"{name}, ms" for name in names)]
        parts.append(Table(f"Growth: {title}", header, body, curve["note"]))
    return parts


PARTS: dict[str, Callable[[Mapping[str, Any]], Sequence[Block]]] = {
    "table5": _table5,
    "training": _training,
    "generation": _generation,
    "fusion": _fusion,
    "start": _start,
    "load": _load,
    "stop": _stop,
    "growth": _growth,
}
"""Name of a benchmark → its part of the page, in the order of the page."""


def _machine(report: Mapping[str, Any]) -> str:
    facts = report["machine"]
    where = f"{facts['gpu']}, " if "gpu" in facts else ""
    rounds = "1 round" if report["repeats"] == 1 else f"{report['repeats']} rounds"
    return (
        f"{where}{facts['cpu']}, {facts['cores']} cores, {facts['threads']} threads, torch {facts['torch']}, "
        f"transformers {facts['transformers']}; {rounds}, seed {report['seed']}, load "
        f"{facts['load']} at the start:\n"
    )


def _spread(found: Mapping[str, float]) -> Cell:
    """Return a median and its quartiles. Example: "12.3 (12.1–12.9)"."""
    text = f"{_short(found['median'])} ({_short(found['low'])}–{_short(found['high'])})"
    return Cell(text, found["median"])


def _ratio(found: Mapping[str, Any]) -> Cell:
    return Cell(f"{found['ratio']:.2f} ({_interval(found, 1, 2)})", found["ratio"])


def _exponent(found: Mapping[str, Any]) -> str:
    return f"{found['exponent']:.2f} ({_interval(found, 1, 2)})"


def _interval(found: Mapping[str, Any], factor: float, decimals: int) -> str:
    low, high = found["interval"]
    return f"{factor * low:.{decimals}f}–{factor * high:.{decimals}f}"


def _megabytes(number: float) -> Cell:
    return Cell(f"{number / 1e6:,.0f}", number)


def _short(value: float) -> str:
    """Return a number with three digits that say something. Example: 0.1234 -> "0.123", 123.4 -> "123"."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{decimals}f}"
