"""`layers`: which layers a checkpoint uses in each language, and whether its answers depend on them."""

import argparse
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion_demo.bridge import FusionBridge
from fusion_demo.checkpoint import load_checkpoint, read_checkpoint_info
from fusion_demo.config import comma_separated
from fusion_demo.data import Example, read_languages
from fusion_demo.evaluation import percent
from fusion_demo.files import write_atomically, write_json
from fusion_demo.frozen import FrozenModels
from fusion_demo.fusion import LastLayerFusion
from fusion_demo.languages import LANGUAGES
from fusion_demo.layer_use import (
    check_masked,
    layer_use_figure,
    measure_faithfulness,
    measure_layer_use,
    summarise_faithfulness,
    summarise_layer_use,
)
from fusion_demo.tasks import TASKS, Task, get_task
from train_cli.arguments import command_line, count, read_runtime
from train_cli.evaluate import add_data_arguments, check_split, new_file

MASKED = 4
FIGURES = (".html", ".json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `layers`."""
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint folder")
    parser.add_argument("--task", help=f"{' or '.join(TASKS)} (default: the checkpoint's own)")
    add_data_arguments(parser)
    parser.add_argument("--split", default="dev", help="dev or test (default: dev)")
    parser.add_argument(
        "--max-examples",
        type=count(0),
        default=200,
        metavar="N",
        help="texts per language for the layer weights, a seeded sample; 0: all (default: 200)",
    )
    parser.add_argument(
        "--masked",
        type=count(0),
        metavar="K",
        help=f"mask 1 to K layers and see how the answer changes; 0: do not (default: {MASKED}, and 0 for "
        "last-layer, which uses one layer only)",
    )
    parser.add_argument(
        "--masked-examples",
        type=count(2),
        default=50,
        metavar="N",
        help="texts per language for the masking, drawn from the others; each is read "
        "1 + K × (1 + draws) times (default: 50)",
    )
    parser.add_argument(
        "--draws",
        type=count(1),
        default=3,
        metavar="N",
        help="random choices of k layers to compare with, per text (default: 3)",
    )
    parser.add_argument("--output", type=new_file, metavar="FILE.json", help="file to write")
    parser.add_argument(
        "--figure",
        type=figure_file,
        metavar="FILE.html",
        help="figure to write: .html (opens alone) or .json",
    )


def run(arguments: argparse.Namespace) -> None:
    """Measure, print tables, and write what was asked for.

    Raises:
        FusionDemoError: an option, the checkpoint or the data cannot be used.
    """
    split = check_split(arguments.split)
    info = read_checkpoint_info(arguments.checkpoint)
    task = get_task(arguments.task or info.task)
    examples = read_languages(
        arguments.data,
        task,
        split,
        comma_separated(arguments.languages),
        max_examples=arguments.max_examples,
        seed=arguments.seed,
    )
    device, dtype = read_runtime(arguments)
    bridge = load_checkpoint(arguments.checkpoint, FrozenModels(device=device, dtype=dtype))
    masked = masked_layers(bridge, arguments.masked)
    report: dict[str, Any] = {
        "checkpoint": info.name,
        "fusion": info.bridge.fusion,
        "task": task.name,
        "split": split,
        "seed": arguments.seed,
        "max_examples": arguments.max_examples,
        "layers": bridge.fusion.layers,
        "languages": {
            code: summarise_layer_use(
                measure_layer_use(
                    bridge,
                    [row.text for row in rows],
                    batch_size=arguments.batch_size,
                    description=f"layers {code}",
                ),
                seed=arguments.seed,
            )
            for code, rows in examples.items()
        },
        "faithfulness": measure_all(bridge, task, examples, masked, arguments) if masked else None,
        "command": command_line(),
    }
    print(format_layers(report))
    if arguments.output:
        write_json(arguments.output, report)
    if arguments.figure:
        figure = layer_use_figure(report)
        html = arguments.figure.suffix == ".html"
        content = figure.to_html(include_plotlyjs=True) if html else figure.to_json()
        write_atomically(arguments.figure, content.encode())


def masked_layers(bridge: FusionBridge, wanted: int | None) -> int:
    """Return how many layers to mask, at most; without a wish none where only one layer is used.

    Raises:
        ConfigError: the bridge cannot do without so many layers.
    """
    if wanted is None:
        if isinstance(bridge.fusion, LastLayerFusion):
            print("last-layer uses one layer only: there is nothing to mask, and no faithfulness to measure.")
            return 0
        return min(MASKED, len(bridge.fusion.layers) - 1)
    if wanted:
        check_masked(bridge, wanted)
    return wanted


def measure_all(
    bridge: FusionBridge,
    task: Task,
    examples: Mapping[str, Sequence[Example]],
    masked: int,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Return the layer faithfulness of every language and of their mean."""
    chosen = {
        code: draw_rows(rows, arguments.masked_examples, arguments.seed) for code, rows in examples.items()
    }
    found = {
        code: measure_faithfulness(
            bridge,
            task,
            rows,
            masked=masked,
            draws=arguments.draws,
            batch_size=arguments.batch_size,
            seed=arguments.seed,
            description=f"masking {code}",
        )
        for code, rows in chosen.items()
    }
    same_rows = len({tuple(row.row for row in rows) for rows in chosen.values()}) == 1
    parallel = task.line_parallel and same_rows
    return {
        "masked": masked,
        "draws": arguments.draws,
        "rows": "parallel" if parallel else "independent",
        **summarise_faithfulness(found, parallel=parallel, seed=arguments.seed),
    }


def draw_rows(rows: Sequence[Example], wanted: int, seed: int) -> list[Example]:
    """Return a seeded sample in the order of the rows; of equally many rows always the same places."""
    if wanted >= len(rows):
        return list(rows)
    return [rows[index] for index in sorted(random.Random(seed).sample(range(len(rows)), wanted))]


def format_layers(report: Mapping[str, Any]) -> str:
    """Return a report as plain-text tables: weight and contribution of each layer, and the masking."""
    names = [str(layer) if layer else "emb." for layer in report["layers"]]
    lines = [f"{report['checkpoint']} ({report['fusion']}): {report['task']}, {report['split']} split"]
    for panel, title in (("weights", "weight %"), ("shares", "contribution %")):
        lines += ["", f"{title:<22}" + "".join(f"{name:>6}" for name in names) + f"{'n':>7}"]
        for code, use in report["languages"].items():
            cells = "".join(f"{percent(value):>6}" for value in use[panel])
            lines.append(f"{_title(code):<22}{cells}{use['n']:>7,}")
    faithfulness = report["faithfulness"]
    if faithfulness:
        lines += ["", "change of the right answer's log-likelihood in nats when k layers are masked"]
        lines.append(
            f"{'':<22}{'k':>3}{'most used':>12}{'random':>10}{'gap':>10}{'95 % of the gap':>20}{'n':>7}"
        )
        summaries = {_title(code): found for code, found in faithfulness["languages"].items()}
        for title, found in {**summaries, "mean": faithfulness["mean"]}.items():
            for k in range(faithfulness["masked"]):
                most_used, random, gap = (found[name]["change"][k] for name in ("most_used", "random", "gap"))
                low, high = (bound[k] for bound in found["gap"]["interval"])
                lines.append(
                    f"{title:<22}{k + 1:>3}{most_used:>+12.3f}{random:>+10.3f}{gap:>+10.3f}"
                    f"{f'{low:+.3f} to {high:+.3f}':>20}{found['n']:>7,}"
                )
    return "\n".join(lines)


def figure_file(text: str) -> Path:
    """Return a path to write a figure to; refuse what is neither HTML nor JSON."""
    path = new_file(text)
    if path.suffix not in FIGURES:
        raise argparse.ArgumentTypeError(f"{text} must end in {' or '.join(FIGURES)}")
    return path


def _title(code: str) -> str:
    return f"{LANGUAGES[code].english_name} ({code})"
