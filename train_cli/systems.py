"""What `evaluate` measures: a checkpoint or a baseline, and all that decides its answers."""

import argparse
import dataclasses
import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_demo.baselines import (
    LinearProbe,
    LLMAlone,
    ProbeAnswerer,
    TranslationPipeline,
    Translator,
    fit_linear_probe,
    pool_texts,
)
from fusion_demo.baselines.translator import BEAMS
from fusion_demo.card import CheckpointInfo
from fusion_demo.checkpoint import TENSORS, load_checkpoint
from fusion_demo.config import PROMPT_FORMS, BridgeConfig, read_config
from fusion_demo.data import Example, read_examples
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import ConfigError
from fusion_demo.evaluation import Answerer, BridgeAnswerer, describe_data
from fusion_demo.frozen import FrozenModels
from fusion_demo.llm import FrozenLLM
from fusion_demo.presets import DEFAULT_PRESET, PRESETS, option_values
from fusion_demo.pretrained import load_encoder, load_llm, load_translator
from fusion_demo.pretrained.fingerprint import input_fingerprint
from fusion_demo.prompt import PromptFrame
from fusion_demo.tasks import Task, get_task
from fusion_demo.understanding import EchoTranslator
from train_cli.arguments import count, read_runtime
from train_cli.state_cache import CachedEncoder

BASELINES = ("llm-alone", "translation-pipeline", "linear-probe")
READS_ENGLISH = ("llm-alone", "translation-pipeline")
BELONGS_TO = {
    "preset": BASELINES,
    "llm": READS_ENGLISH,
    "prompt_form": READS_ENGLISH,
    "template_arguments": READS_ENGLISH,
    "translator": ("translation-pipeline",),
    "beams": ("translation-pipeline",),
    "encoder": ("linear-probe",),
    "encoder_prefix": ("linear-probe",),
    "max_text_tokens": ("linear-probe",),
    "state_cache": ("linear-probe",),
    "train_data": ("linear-probe",),
    "train_examples": ("linear-probe",),
}
"""Option → the baselines that it means something to."""

ENCODER_OPTIONS = ("encoder", "encoder_prefix", "max_text_tokens")


@dataclass(frozen=True)
class System:
    """Something to measure.

    Attributes:
        answerer: What answers.
        name: Its name in result files and tables.
        description: How it was made, in one line; empty for a checkpoint, which has a card.
        details: All that decides its answers, as files of predictions keep it.
        facts: What else its result file holds.
    """

    answerer: Answerer
    name: str
    description: str
    details: dict[str, Any]
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


def add_system_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say what is measured."""
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--checkpoint", metavar="FOLDER", help="measure a checkpoint")
    choice.add_argument("--baseline", choices=BASELINES, help="measure a simpler system")
    group = parser.add_argument_group("baselines")
    group.add_argument("--preset", help=f"whose encoder and LLM: {', '.join(PRESETS)} (default: embedded)")
    group.add_argument("--llm", metavar="NAME", help="the LLM that reads the text (default: the preset's)")
    group.add_argument("--prompt-form", choices=PROMPT_FORMS, help="as in training (default: the preset's)")
    group.add_argument("--template-arguments", metavar="JSON", help="as in training (default: none)")
    group.add_argument(
        "--translator",
        metavar="NAME",
        help="hub id or folder of an NLLB, M2M100 or Marian model into English",
    )
    group.add_argument(
        "--beams", type=count(1), metavar="N", help=f"the translator's beam width (default: {BEAMS})"
    )
    group.add_argument("--encoder", metavar="NAME", help="the probe's encoder (default: the preset's)")
    group.add_argument("--encoder-prefix", help="text before every input of it (default: the preset's)")
    group.add_argument(
        "--max-text-tokens", type=count(1), metavar="N", help="encoder tokens the probe reads of each text"
    )
    group.add_argument(
        "--state-cache",
        metavar="FOLDER",
        help="keeps the encoder's states of the training texts",
    )
    group.add_argument(
        "--train-data", metavar="FOLDER", help="with the probe's English training texts (default: --data)"
    )
    group.add_argument(
        "--train-examples",
        type=count(0),
        metavar="N",
        help="how many of them, a seeded sample (default: all)",
    )


def check_system_arguments(arguments: argparse.Namespace) -> None:
    """Refuse options that mean nothing to the chosen system, before anything is loaded.

    Raises:
        ConfigError: an option belongs to another system, or one is missing.
    """
    for option, owners in BELONGS_TO.items():
        if getattr(arguments, option) is not None and arguments.baseline not in owners:
            raise ConfigError(
                f"--{option.replace('_', '-')} belongs to --baseline {' or '.join(owners)}. Leave it out."
            )
    if arguments.baseline and not arguments.task:
        raise ConfigError("--baseline needs --task: a baseline has no task of its own.")
    if arguments.baseline == "translation-pipeline" and not arguments.translator:
        raise ConfigError(
            "--baseline translation-pipeline needs --translator, such as facebook/nllb-200-distilled-600M."
        )
    if arguments.baseline == "linear-probe" and arguments.generate:
        raise ConfigError("The linear probe scores labels and writes nothing. Leave out --generate.")


def build_checkpoint(arguments: argparse.Namespace, info: CheckpointInfo, task: Task) -> System:
    """Load a checkpoint as a system.

    Raises:
        FusionDemoError: it is damaged, or its frozen models cannot be had.
    """
    device, dtype = read_runtime(arguments)
    bridge = load_checkpoint(info.folder, FrozenModels(device=device, dtype=dtype))
    tensors = hashlib.sha256((info.folder / TENSORS).read_bytes())
    details = {
        "trained_tensors": tensors.hexdigest(),
        "bridge": _digest(dataclasses.asdict(info.bridge)),
        **{role: info.fingerprints[role] for role in ("encoder", "llm")},
        "encoder_input": input_fingerprint(bridge.encoder.tokenizer),
    }
    best_of = getattr(arguments, "best_of", 1)
    if best_of > 1:
        details["best_of"] = best_of
    answerer: Answerer = BridgeAnswerer(bridge, info.name, best_of=best_of)
    if task.name == "chat" and info.task == "echo":
        # As a conversation does: the LLM answers what was understood, as its own words.
        alone = LLMAlone(
            bridge.llm,
            prompt_form=info.bridge.prompt_form,
            template_arguments=info.bridge.template_arguments,
        )
        echoes = EchoTranslator(bridge, candidates=best_of)
        answerer = TranslationPipeline(echoes, alone, batch_size=arguments.batch_size)
    frame = bridge.frame(task.instruction, task.bare_prompt)
    details = _complete(details, task, arguments, bridge.llm, frame)
    return System(answerer, info.name, "", details)


def build_baseline(arguments: argparse.Namespace, task: Task, languages: Collection[str]) -> System:
    """Load a baseline; fit it, if it is the probe.

    Raises:
        FusionDemoError: an option, a model or the training data cannot be used.
    """
    config = _baseline_config(arguments)
    if arguments.baseline == "linear-probe":
        return _build_probe(arguments, config, task)
    device, dtype = read_runtime(arguments)
    loaded = load_llm(config.llm, device=device, dtype=dtype)
    alone = LLMAlone(
        FrozenLLM(loaded.model, loaded.tokenizer),
        prompt_form=config.prompt_form,
        template_arguments=config.template_arguments,
    )
    details = {
        "llm": loaded.fingerprint,
        "prompt_form": alone.prompt_form,
        "text_tokens": alone.max_text_tokens,
    }
    description = (
        f"`{config.llm}` reads the text itself, prompt form {config.prompt_form}; nothing is trained"
    )
    if arguments.baseline == "llm-alone":
        details = _complete(details, task, arguments, alone.llm, alone.frame(task))
        return System(alone, alone.name, description, details)
    loaded = load_translator(arguments.translator, device=device, dtype=dtype)
    beams = arguments.beams or BEAMS
    translator = Translator(loaded.model, loaded.tokenizer, name=arguments.translator, beams=beams)
    translator.check_languages(languages)
    pipeline = TranslationPipeline(translator, alone, batch_size=arguments.batch_size)
    details |= {"translator": loaded.fingerprint, "beams": beams}
    description = (
        f"`{arguments.translator}` translates into English with {beams} beams, `{config.llm}` reads that, "
        f"prompt form {config.prompt_form}; nothing is trained"
    )
    details = _complete(details, task, arguments, alone.llm, alone.frame(task))
    return System(pipeline, pipeline.name, description, details)


def _build_probe(arguments: argparse.Namespace, config: BridgeConfig, task: Task) -> System:
    trained = get_task(task.checkpoint_task)
    data, seed = arguments.train_data or arguments.data, arguments.seed
    kept = arguments.train_examples or 0
    train = read_examples(data, trained, "train", "en", max_examples=kept, seed=seed)
    choosing = read_examples(data, trained, "dev", "en")
    device, dtype = read_runtime(arguments)
    loaded = load_encoder(config.encoder, device=device, dtype=dtype)
    encoder = MultilingualEncoder(
        loaded.model, loaded.tokenizer, prefix=config.encoder_prefix, max_tokens=config.max_text_tokens
    )

    if arguments.state_cache:
        encoder = CachedEncoder(encoder, Path(arguments.state_cache), loaded.fingerprint)
        encoder.fill([example.text for example in train])
        encoder.open()

    def pool(examples: list[Example], description: str) -> Any:
        texts = [example.text for example in examples]
        return pool_texts(encoder, texts, batch_size=arguments.batch_size, description=description)

    probe = fit_linear_probe(
        pool(train, "train"),
        [example.label for example in train],
        pool(choosing, "dev en"),
        [example.label for example in choosing],
    )
    options = {name: getattr(config, name) for name in ENCODER_OPTIONS}
    details = {
        **options,
        "encoder": loaded.fingerprint,
        "encoder_input": loaded.input_fingerprint,
        "train": describe_data(train)["sha256"],
        "choosing": describe_data(choosing)["sha256"],
    }
    if arguments.state_cache:
        details["training_states"] = "float16"
    training = {
        "examples": len(train),
        "standardised": probe.standardised,
        "inverse_regularisation": probe.inverse_regularisation,
        "dev_accuracy": probe.dev_accuracy,
    }
    answerer = ProbeAnswerer(probe, encoder)
    return System(
        answerer,
        answerer.name,
        _describe_probe(probe, config, len(train), seed),
        _complete(details, task, arguments),
        {"encoder": options, "training": training},
    )


def _describe_probe(probe: LinearProbe, config: BridgeConfig, examples: int, seed: int) -> str:
    scaling = "standardised" if probe.standardised else "unscaled"
    return (
        f"{examples:,} English examples, {scaling} features and C = {probe.inverse_regularisation:g} (both "
        f"chosen on the English dev split, accuracy there {100 * probe.dev_accuracy:.1f} %), encoder "
        f"`{config.encoder}`, encoder prefix {config.encoder_prefix!r}, seed {seed}"
    )


def _baseline_config(arguments: argparse.Namespace) -> BridgeConfig:
    """The preset's models, prefix and prompt form, with what the command line says instead."""
    names = ("llm", "prompt_form", "template_arguments", *ENCODER_OPTIONS)
    given = {name: getattr(arguments, name, None) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    # A baseline is not trained, so that no task's recipe is for it.
    usual = option_values(arguments.preset or DEFAULT_PRESET, given | {"task": ""})
    return read_config(BridgeConfig, {name: usual[name] for name in names} | given, "options")


def _complete(
    details: dict[str, Any],
    task: Task,
    arguments: argparse.Namespace,
    llm: FrozenLLM | None = None,
    frame: PromptFrame | None = None,
) -> dict[str, Any]:
    """Add what decides the answers of every system; of those with an LLM, the prompt as it reads it."""
    prompt = [task.instruction, task.bare_prompt, task.label_words, task.fields]
    if task.writes:
        prompt += [task.answer_tokens, task.no_repeat_ngram]
    details = {**details, "prompt": _digest(prompt), "dtype": arguments.dtype}
    if llm and frame:
        answers = [frame.answer_ids(llm.tokenizer, words) for words in task.label_words.values()]
        details["rendered_prompt"] = _digest([dataclasses.asdict(frame), answers, llm.end_ids])
    return details


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
