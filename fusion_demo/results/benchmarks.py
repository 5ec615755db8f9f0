"""Tables of what `benchmark` measured."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion_demo.results import speed
from fusion_demo.results.blocks import MISSING, Block, Commands, Section, Table
from fusion_demo.results.figures import interval, megabytes, ratio, spread
from fusion_demo.results.files import broken
from fusion_demo.results.markdown import render_blocks
from fusion_demo.results.page_benchmarks import load_blocks, start_blocks, stop_blocks

HEADING, PAGE = "Speed, memory and size", "speed"
INTRODUCTION = """\
Made by `python -m train_cli benchmark`. All sides of a comparison were measured in one run, in turn, round by
round. A time is the median over the rounds with its quartiles. A ratio is the median of the rounds' ratios
with its 95 % bootstrap interval. Peak memory is the resident memory of a process of its own, models included.
"""


def benchmark_sections(reports: Mapping[Path, Mapping[str, Any]]) -> list[Section]:
    """Return the overview of the files benchmark-NAME.json and their details; none without such files.

    Raises:
        DataError: a file is no result of `benchmark`.
    """
    parts, ordered = [], []
    for name in PARTS:
        for path, report in reports.items():
            if report.get("benchmark") == name:
                try:
                    parts.append(benchmark_blocks(report))
                    ordered.append(report)
                except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                    raise broken(path, "benchmark") from None
    if len(parts) != len(reports):
        odd = next(path for path, report in reports.items() if report.get("benchmark") not in PARTS)
        raise broken(odd, "benchmark")
    if not parts:
        return []
    details = [INTRODUCTION, *(block for part in parts for block in part)]
    return [
        Section("Speed", [speed.INTRODUCTION, speed.speed_table(ordered)], PAGE, overview=True),
        Section(HEADING, details, PAGE),
    ]


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
            cells += [spread(row["milliseconds"][kind]), ratio(row["ratios"][kind])]
        cells += [megabytes(row["peak_bytes"]), f"{row['reads']:,}"]
        if on_gpu:
            cells.append(megabytes(row["cuda_bytes"]) if "cuda_bytes" in row else MISSING)
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
                spread(row["examples_per_second"]),
                ratio(row["ratio"]),
                megabytes(row["peak_bytes"]),
                f"{row['peak_ratio']:.2f}",
                megabytes(row["peak_bytes"] - row["loaded_bytes"]),
            ]
        )
    header = ["step", "examples/s", "of plain", "peak memory, MB", "of plain", "above the models, MB"]
    losses, exact, floor = report["losses"], report["exact_losses"], report["floor"]
    size = f"{report['batch_size']} examples a step"
    return [
        f"### Training: our step against the plain one, {size}\n",
        f"Task {report['task']}, {report['fusion']}, {report['steps']} steps. The plain step pads to the "
        "longest of an unsorted batch, computes logits at every position, keeps the encoder in the "
        "autograd graph, and fuses padding through a whole Transformer layer. Over the same batches the two "
        "losses differ by at most "
        f"{losses['largest_difference']:.1e} nats (the first is {losses['ours'][0]:.4f}, the last "
        f"{losses['ours'][-1]:.4f}). Each step multiplies the rounding of those before it; in float64, "
        f"{exact['batch_size']} examples a step, they differ by at most {exact['largest_difference']:.1e} "
        f"over {len(exact['ours'])} steps, and our step from itself with the examples of each batch in "
        f"reverse by {exact['order_difference']:.1e}.\n",
        Table(f"Training step, ours and plain, {size}", header, body),
        f"A step's matrix products have {floor['gflop_per_step']:.1f} GFLOP. At the "
        f"{floor['gemm_gflops']['median']:.0f} GFLOP/s that large products held for a second right before "
        f"and after each step they would take {_percent(floor['share'])} of its time, at the "
        f"{floor['best_gemm_gflops']['median']:.0f} of the fastest of three {_percent(floor['best_share'])}. "
        f"{100 * floor['real_tokens']:.0f} % of the tokens in our batches are real, the rest is padding.\n",
    ]


def _percent(share: Mapping[str, Any]) -> str:
    return f"{100 * share['ratio']:.0f} % ({interval(share, 100, 0)})"


def _generation(report: Mapping[str, Any]) -> list[Block]:
    body = [
        [name, spread(report["tokens_per_second"][name]), ratio(report["ratios"][name])]
        for name in report["tokens_per_second"]
    ]
    same = [f"of {name} {number}" for name, number in report["same_answers"].items()]
    sizes = [f"{name}: {megabytes(number)} MB" for name, number in report["weight_bytes"].items()]
    return [
        "### Writing on a CPU\n",
        f"Greedy, {report['new_tokens']} tokens behind each of {report['prompts']} prompts of "
        f"`{report['checkpoint']}`, in fp32. So many of the {report['prompts']} answers are those of "
        f"{report['baseline']}: {', '.join(same)}. What the memory's bandwidth allows stands below "
        f"({'; '.join(sizes)}); our loop reaches {_percent(report['of_floor'])} of it.\n",
        Table("Writing on a CPU", ["loop", "tokens/s", f"of {report['baseline']}"], body),
    ]


PARTS: dict[str, Callable[[Mapping[str, Any]], Sequence[Block]]] = {
    "table5": _table5,
    "training": _training,
    "generation": _generation,
    "start": start_blocks,
    "load": load_blocks,
    "stop": stop_blocks,
}
"""Name of a benchmark → its part of the page, in the order of the page."""


def _machine(report: Mapping[str, Any]) -> str:
    facts = report["machine"]
    where = f"{facts['gpu']}, " if "gpu" in facts else ""
    vectors = f" with {facts['vectors']}" if "vectors" in facts else ""
    rounds = "1 round" if report["repeats"] == 1 else f"{report['repeats']} rounds"
    return (
        f"{where}{facts['cpu']}{vectors}, {facts['cores']} cores, {facts['threads']} threads, "
        f"torch {facts['torch']}, transformers {facts['transformers']}; {rounds}, seed {report['seed']}, "
        f"load {facts['load']} at the start:\n"
    )
