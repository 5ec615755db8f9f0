"""The systems of the paper's Table V, each as one call that reads a text and writes an answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from fusion_demo.baselines import LLMAlone, Translator
from fusion_demo.config import BridgeConfig
from fusion_demo.decoding import Decoding
from fusion_demo.frozen import FrozenModels
from fusion_demo.pretrained import load_translator
from fusion_demo.pretrained.random_weights import PREFIX as RANDOM
from fusion_demo.tasks import WRITING_TASKS
from train_cli.benchmark.rounds import synchronize
from train_cli.benchmark.texts import ENGLISH, SINHALA, text_of

FUSIONS = ("last-layer", "global-softmax", "transformer-softmax")
PIPELINE, ALONE = "translation-pipeline", "llm-alone"
SYSTEMS = (PIPELINE, ALONE, *FUSIONS)
TASK = WRITING_TASKS["chat"]
BYTE_LEVEL = (RANDOM, "tiny:")
"""References of models whose tokeniser has one piece a byte: their text is cut to a real one's number."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all systems share.

    Attributes:
        encoder: Reference of the encoder.
        llm: Reference of the LLM.
        translator: Reference of the translator.
        text_tokens: Tokens that a byte-level encoder or translator reads; any other reads the whole text.
        translation_tokens: Tokens that a translator with random weights writes, and that a byte-level LLM
            reads of the English text.
        new_tokens: Tokens of every answer; the end token is kept from being chosen before.
        seed: Of the bridges' weights.
        device: Where the models run.
    """

    encoder: str
    llm: str
    translator: str
    text_tokens: int
    translation_tokens: int
    new_tokens: int
    seed: int
    device: str


@dataclass(frozen=True)
class Written:
    """What one answer took.

    Attributes:
        first: Seconds from the text to the first token.
        total: Seconds from the text to the last.
        tokens: Tokens written.
    """

    first: float
    total: float
    tokens: int

    @property
    def per_token(self) -> float:
        """Seconds for each token of the answer, reading included: the paper's latency."""
        return self.total / self.tokens

    @property
    def further(self) -> float:
        """Seconds for each token after the first."""
        return (self.total - self.first) / max(1, self.tokens - 1)


@dataclass(frozen=True)
class Writer:
    """A system, ready to be measured.

    Attributes:
        write: Reads the text and writes the answer.
        reads: Tokens that the LLM reads for the text: its own, or soft ones.
    """

    write: Callable[[], Written]
    reads: int


def build_writers(names: list[str], setting: Setting) -> dict[str, Writer]:
    """Load what the named systems need, once each, and return them by name."""
    models = FrozenModels(device=setting.device, compiled=True)
    config = BridgeConfig(encoder=setting.encoder, llm=setting.llm)
    writers = {}
    for name in names:
        if name in FUSIONS:
            writers[name] = _bridge(name, setting, models)
        else:
            alone = LLMAlone(models.llm(config.llm))
            writers[name] = _alone(setting, alone) if name == ALONE else _pipeline(setting, alone)
    return writers


def _bridge(fusion: str, setting: Setting, models: FrozenModels) -> Writer:
    torch.manual_seed(setting.seed)
    bridge = models.build(BridgeConfig(encoder=setting.encoder, llm=setting.llm, fusion=fusion))
    text = _cut(
        setting.encoder, SINHALA, lambda text: bridge.encoder.count_tokens([text])[0], setting.text_tokens
    )
    frame = bridge.frame(TASK.instruction, TASK.bare_prompt)

    def work(stop: Callable[[], bool]) -> None:
        bridge.write(bridge.soft_tokens([text]), frame, _decoding(setting), stop=stop)

    with torch.inference_mode():
        reads = int(bridge.soft_tokens([text]).mask.sum()) + 1  # and the boundary vector
    return Writer(_timed(work, setting), reads)


def _alone(setting: Setting, alone: LLMAlone) -> Writer:
    def work(stop: Callable[[], bool]) -> None:
        alone.write([SINHALA], TASK, _decoding(setting), stop=stop)

    return Writer(_timed(work, setting), len(alone.text_ids(SINHALA, TASK)))


def _pipeline(setting: Setting, alone: LLMAlone) -> Writer:
    loaded = load_translator(setting.translator, device=setting.device)
    made_up = setting.translator.startswith(RANDOM)
    translator = Translator(
        loaded.model,
        loaded.tokenizer,
        name=setting.translator,
        max_new_tokens=setting.translation_tokens if made_up else None,
    )
    if made_up:
        loaded.model.generation_config.min_new_tokens = setting.translation_tokens
    text = _cut(
        setting.translator, SINHALA, lambda text: len(loaded.tokenizer(text).input_ids), setting.text_tokens
    )
    known = _cut(setting.llm, ENGLISH, lambda text: len(alone.llm.text_ids(text)), setting.translation_tokens)

    def work(stop: Callable[[], bool]) -> None:
        english = translator.translate([text], "si")
        # Random weights write no English: the LLM reads a translation of the usual length instead.
        alone.write([known] if made_up else english, TASK, _decoding(setting), stop=stop)

    return Writer(_timed(work, setting), len(alone.text_ids(known, TASK)))


def _timed(work: Callable[[Callable[[], bool]], None], setting: Setting) -> Callable[[], Written]:
    """Return the call that takes a system's times, by the LLM's own condition to stop after each token."""

    def write() -> Written:
        times: list[float] = []

        def after_token() -> bool:
            synchronize(setting.device)
            times.append(time.perf_counter())
            return False

        synchronize(setting.device)
        began = time.perf_counter()
        with torch.inference_mode():
            work(after_token)
        return Written(times[0] - began, times[-1] - began, len(times))

    return write


def _decoding(setting: Setting) -> Decoding:
    return Decoding(max_new_tokens=setting.new_tokens, min_new_tokens=setting.new_tokens)


def _cut(reference: str, text: str, count: Callable[[str], int], tokens: int) -> str:
    """Return the text as a model reads it: cut for a byte-level tokeniser, whole for any other."""
    return text_of(tokens, count, text) if reference.startswith(BYTE_LEVEL) else text
