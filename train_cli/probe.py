"""`probe`: the linear probe on the encoder that the bridge reads with."""

import argparse
from typing import Any

from fusion_demo.baselines import LinearProbe, fit_linear_probe, pool_texts
from fusion_demo.config import PRESETS, BridgeConfig, preset_values, read_config
from fusion_demo.data import Example, read_examples, read_languages
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.evaluation import build_report, format_report, score_language
from fusion_demo.files import write_json
from fusion_demo.pretrained import load_encoder
from fusion_demo.tasks import TASKS, get_task
from train_cli.arguments import command_line, read_runtime
from train_cli.evaluate import add_data_arguments, check_split, comma_separated, count, new_file

SYSTEM = "linear probe"
ENCODER_OPTIONS = ("encoder", "encoder_prefix", "max_text_tokens")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `probe`."""
    parser.add_argument("--task", default="news", help=f"{' or '.join(TASKS)} (default: news)")
    parser.add_argument(
        "--preset", default="embedded", help=f"whose encoder: {', '.join(PRESETS)} (default: embedded)"
    )
    parser.add_argument("--encoder-prefix", help="text before every input (default: the preset's)")
    add_data_arguments(parser)
    parser.add_argument("--split", default="dev,test", help="splits to measure on (default: dev,test)")
    parser.add_argument(
        "--max-examples",
        type=count(0),
        default=0,
        metavar="N",
        help="English training texts; 0: all (default)",
    )
    parser.add_argument(
        "--eval-examples",
        type=count(0),
        default=0,
        metavar="N",
        help="texts per language, the same as `evaluate --max-examples N` draws; 0: all (default)",
    )
    parser.add_argument("--output", type=new_file, metavar="FILE.json", help="metrics file to write")


def run(arguments: argparse.Namespace) -> None:
    """Fit the probe on English, print a table per split, write the metrics file.

    Raises:
        FusionDemoError: an option, the data or the encoder cannot be used.
    """
    task = get_task(arguments.task)
    folder, seed = arguments.data, arguments.seed
    train = read_examples(folder, task, "train", "en", max_examples=arguments.max_examples, seed=seed)
    choosing = read_examples(folder, task, "dev", "en")
    splits = comma_separated(arguments.split)
    languages = comma_separated(arguments.languages)
    measured = {
        check_split(split): read_languages(
            folder, task, split, languages, max_examples=arguments.eval_examples, seed=seed
        )
        for split in splits
    }
    config = encoder_config(arguments)
    encoder = build_encoder(config, arguments)

    def pool(examples: list[Example], description: str) -> Any:
        texts = [example.text for example in examples]
        return pool_texts(encoder, texts, batch_size=arguments.batch_size, description=description)

    probe = fit_linear_probe(
        pool(train, "train"), labels_of(train), pool(choosing, "dev en"), labels_of(choosing)
    )
    print(describe_probe(probe, len(train)))
    metrics: dict[str, Any] = {
        "system": SYSTEM,
        "task": task.name,
        "command": command_line(),
        "seed": seed,
        "encoder": {name: getattr(config, name) for name in ENCODER_OPTIONS},
        "training": {
            "examples": len(train),
            "standardised": probe.standardised,
            "inverse_regularisation": probe.inverse_regularisation,
            "dev_accuracy": probe.dev_accuracy,
        },
    }
    for split, examples in measured.items():
        results = {
            code: score_language(labels_of(rows), probe.predict(pool(rows, f"{split} {code}")))
            for code, rows in examples.items()
        }
        metrics[split] = build_report(task.name, split, results)
        print(f"\n{format_report(metrics[split])}")
    if arguments.output:
        write_json(arguments.output, metrics)


def encoder_config(arguments: argparse.Namespace) -> BridgeConfig:
    """Return the options of the preset's encoder, with the prefix from the command line if given.

    Raises:
        ConfigError: there is no such preset.
    """
    values = {k: v for k, v in preset_values(arguments.preset).items() if k in ENCODER_OPTIONS}
    if arguments.encoder_prefix is not None:
        values["encoder_prefix"] = arguments.encoder_prefix
    return read_config(BridgeConfig, values, "options")


def build_encoder(config: BridgeConfig, arguments: argparse.Namespace) -> MultilingualEncoder:
    """Load the frozen encoder.

    Raises:
        FusionDemoError: it cannot be loaded, or not on that device.
    """
    device, dtype = read_runtime(arguments)
    loaded = load_encoder(config.encoder, device=device, dtype=dtype)
    return MultilingualEncoder(
        loaded.model, loaded.tokenizer, prefix=config.encoder_prefix, max_tokens=config.max_text_tokens
    )


def labels_of(examples: list[Example]) -> list[str]:
    """Return the labels of examples."""
    return [example.label for example in examples]


def describe_probe(probe: LinearProbe, examples: int) -> str:
    """Return one line on what was fitted and which setting the English dev texts chose."""
    scaling = "standardised" if probe.standardised else "unscaled"
    return (
        f"{SYSTEM}: {examples:,} English texts, {scaling} features, C = {probe.inverse_regularisation:g} "
        f"(English dev accuracy {100 * probe.dev_accuracy:.1f} %)"
    )
