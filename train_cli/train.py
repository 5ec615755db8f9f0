"""`train`: trains a bridge and writes a checkpoint."""

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import torch
from accelerate import Accelerator

from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import check_models, start_from
from fusion_demo.config import BridgeConfig, TrainConfig, comma_separated
from fusion_demo.data import (
    Example,
    describe_training_data,
    jsonl_languages,
    read_examples,
    read_training_examples,
)
from fusion_demo.errors import ConfigError, DataError
from fusion_demo.frozen import FrozenModels
from fusion_demo.tasks import Task, get_training_task
from fusion_demo.text_prompt import read_text_prompt
from fusion_demo.training_command import check_trainable
from train_cli.arguments import (
    add_config_arguments,
    add_runtime_arguments,
    command_line,
    read_configs,
    read_runtime,
)
from train_cli.monitor import Monitor
from train_cli.output_folder import check_free, forget_training, has_state, hold
from train_cli.recipe import build_recipe, check_recipe, save_recipe
from train_cli.sharding import check_sharding, shard_frozen
from train_cli.state import STATE
from train_cli.state_cache import CachedEncoder
from train_cli.trainer import LAST, Trainer
from train_cli.window import check_window

SAMPLES_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`."""
    add_config_arguments(parser)
    add_runtime_arguments(parser)
    parser.add_argument("--resume", action="store_true", help="go on where the training in --output stopped")
    parser.add_argument("--overwrite", action="store_true", help="replace what is in --output")
    parser.add_argument(
        "--shard-frozen",
        action="store_true",
        help="each of several processes holds a share of the frozen models, which are too large for one GPU",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show sizes and a batch, try one update; write nothing"
    )


def run(arguments: argparse.Namespace) -> None:
    """Train.

    Raises:
        FusionDemoError: an option, the data, a model or the output folder is wrong.
    """
    bridge_config, config = read_configs(arguments)
    task = get_training_task(config.task)
    check_trainable(task, bridge_config)
    train, warm_start, dev = read_data(config, task)
    device, dtype = read_runtime(arguments)
    folder = Path(config.output)
    accelerator = Accelerator(cpu=device == "cpu")
    check_sharding(accelerator, shard_frozen=arguments.shard_frozen)
    writes = accelerator.is_main_process and not arguments.dry_run
    if not arguments.dry_run:
        check_models(bridge_config)
        if not config.output:
            raise ConfigError("Say where to write the checkpoint: --output FOLDER.")
        if accelerator.is_main_process:  # the others would find what it has written meanwhile
            check_free(folder, resume=arguments.resume, overwrite=arguments.overwrite)
    models = FrozenModels(device=str(accelerator.device), dtype=dtype)
    torch.manual_seed(config.seed)
    bridge = models.build(bridge_config)
    info = CheckpointInfo(
        folder=folder,
        task=task.name,
        bridge=bridge_config,
        training=config,
        command=command_line(leave_out=("--resume", "--overwrite")),
        data=describe_training_data(_first_folder(config.data), task),
        fingerprints=models.fingerprints(bridge_config),
        metrics={},
    )
    processes = accelerator.num_processes
    check_window(bridge, task, config, train, dev, processes)
    recipe = build_recipe(info, bridge, task, train, warm_start, processes=processes)
    with ExitStack() as stack:
        if writes:
            stack.enter_context(hold(folder))
            # Once more: another training may have written there while the models were loaded.
            check_free(folder, resume=arguments.resume, overwrite=arguments.overwrite)
            if not arguments.resume:
                forget_training(folder)
            if not has_state(folder):
                save_recipe(folder / LAST, recipe)
            elif not check_recipe(folder / LAST, recipe):
                print("the training was started by an earlier version, which kept no options to compare with")
        monitor = stack.enter_context(
            Monitor(
                folder if writes else None, command=info.command, task=task.name, fusion=bridge_config.fusion
            )
        )
        if config.state_cache:
            bridge.encoder = CachedEncoder(
                bridge.encoder, Path(config.state_cache), info.fingerprints["encoder"]
            )
            if writes:
                bridge.encoder.fill([example.text for example in [*warm_start, *train]])
            accelerator.wait_for_everyone()
            bridge.encoder.open()
        resumed = arguments.resume and (folder / LAST / STATE).exists()
        # The state of a training holds what is learned; not the scale of the sentence tokens' source.
        if config.init_from and (bridge.sentence is not None or not resumed):
            start_from(Path(config.init_from), bridge, info.fingerprints)
        if arguments.shard_frozen:
            shard_frozen(bridge, accelerator)
        trainer = Trainer(bridge, task, config, train, dev, info, accelerator, warm_start, monitor)
        if accelerator.is_main_process:
            _describe(trainer, bridge_config)
        if arguments.dry_run:
            _show_batch(trainer)  # by all processes, since they make an update together
            return
        trainer.run(resume=arguments.resume)
        if accelerator.is_main_process:
            print(f"best at update {trainer.progress.best_update}: {folder}")


def read_data(
    config: TrainConfig, task: Task
) -> tuple[list[Example], list[Example], dict[str, list[Example]]]:
    """Return the English training examples, those of the warm start, and the dev examples by language."""
    folder, seed = _first_folder(config.data), config.sample_seed
    train = read_training_examples(config.data, task, max_examples=config.max_examples, seed=seed)
    warm_start = []
    if config.warm_start_epochs or config.keyword_epochs:
        warm_start = read_training_examples(
            config.data, task, max_examples=config.warm_start_examples, seed=seed
        )
    if task.writes and folder and "dev" not in jsonl_languages(Path(folder)):
        return _hold_out(train, warm_start, config.dev_examples)
    dev = {
        code: read_examples(folder, task, "dev", code, max_examples=config.dev_examples)
        for code in config.dev_languages.split(",")
    }
    return train, warm_start, dev


def _first_folder(data: str) -> str:
    """Return the folder that dev texts come from and that tells what the data is; "" for the hub."""
    return next(iter(comma_separated(data)), "")


def _hold_out(
    train: list[Example], warm_start: list[Example], dev_examples: int
) -> tuple[list[Example], list[Example], dict[str, list[Example]]]:
    """Take training examples for dev, evenly spread, and these texts out of the warm start as well.

    Raises:
        DataError: nothing would be left to train on.
    """
    number = dev_examples or len(train) // 10
    dev = train[:: max(1, len(train) // number)][:number] if 0 < number < len(train) else []
    held_out = {example.text for example in dev}
    train = [example for example in train if example.text not in held_out]
    if not train or not dev:
        raise DataError(
            f"There is no dev file, and with {number} training examples held out for it none is left on one "
            "of the two sides. Give more training examples, or other --dev-examples."
        )
    return train, [example for example in warm_start if example.text not in held_out], {"en": dev}


def _describe(trainer: Trainer, bridge_config: BridgeConfig) -> None:
    counts = {
        part: sum(p.numel() for n, p in trainer.parameters.items() if n.startswith(f"{part}."))
        for part in ("fusion", "projection", "sentence", "relation")
    }
    frozen = sum(p.numel() for p in trainer.bridge.parameters() if not p.requires_grad)
    print(f"{bridge_config.encoder} -> {bridge_config.fusion} -> {bridge_config.llm}")
    print(
        f"trained parameters: {sum(counts.values()):,} (fusion {counts['fusion']:,}, projection and boundary "
        f"{counts['projection']:,}, sentence tokens {counts['sentence']:,}, relation token "
        f"{counts['relation']:,}); frozen: {frozen:,}"
    )
    print(
        f"{len(trainer.train_examples):,} English examples, {trainer.total:,} updates of "
        f"{trainer.examples_per_update}"
    )
    if trainer.config.init_from:
        print(f"the trained tensors start from {trainer.config.init_from}")
    if bridge_config.text_prompt == "augment":
        texts = [example.text for example in trainer.train_examples]
        kept = bridge_config.text_prompt_tokens
        cut = sum(read_text_prompt(trainer.bridge.llm, texts, kept).truncated)
        if cut:
            print(
                f"of {cut:,} texts the LLM itself reads only the first {kept} tokens (--text-prompt-tokens)"
            )


def _show_batch(trainer: Trainer) -> None:
    """Say what one batch looks like to both models, and its loss."""
    tokenizer = trainer.bridge.llm.tokenizer
    trainer.say(f"before the text: {tokenizer.decode(trainer.frame.before)!r}")
    trainer.say(f"after the text:  {tokenizer.decode(trainer.frame.after)!r}")
    indices = trainer.batches(0)[0]
    examples = [trainer.train_examples[i] for i in indices]
    texts = [example.text for example in examples]
    words = [trainer.task.answer(example.label) for example in examples]
    for text, word in list(zip(texts, words, strict=True))[:SAMPLES_SHOWN]:
        soft = trainer.bridge.soft_tokens([text])
        trainer.say(f"- {' '.join(token.text for token in soft.tokens[0])}")
        if soft.prompt:
            trainer.say(f"  the LLM itself reads {tokenizer.decode(soft.prompt.ids[0])!r}")
        trainer.say(f"  {trainer.frame.answer_ids(tokenizer, word)} {word!r}")
    with torch.no_grad():
        loss = trainer.bridge(texts, words, trainer.frame)
    trainer.say(f"loss of one batch of {len(texts)} before training: {loss:.3f} nats a token")
    began = time.monotonic()
    trainer.update(trainer.bridge)
    trainer.say(f"one update: {time.monotonic() - began:.1f} s{_peak_memory(trainer.accelerator.device)}")


def _peak_memory(device: torch.device) -> str:
    """Return what the process, or its GPU, held at most so far, as the end of a sentence."""
    if device.type == "cuda":
        held = torch.cuda.max_memory_allocated(device)
    elif sys.platform == "linux":
        import resource  # there is none on Windows, and macOS counts in bytes

        held = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    else:
        return ""
    return f", peak memory {held / 1e9:.1f} GB"
