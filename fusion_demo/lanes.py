"""One text through several systems, side by side: bridges, the LLM alone, the translation pipeline."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from fusion_demo.baselines import LLMAlone, TranslationPipeline, Translator
from fusion_demo.bridge import FusionBridge
from fusion_demo.classification import Classification, Question, classify_texts
from fusion_demo.detection import detect_language
from fusion_demo.errors import ConfigError, FusionDemoError, InputError
from fusion_demo.languages import get_language
from fusion_demo.memory import PeakMemory, measure_peak, weight_bytes
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text

LLM_ALONE, TRANSLATION = LLMAlone.name, TranslationPipeline.name
"""What stands in place of a checkpoint's name for the two systems without a bridge."""

MAX_LANES = 4
WARM_UP = "one"

NO_TRANSLATOR = (
    "There is no translator here. Start the page with one: python app.py --translator NAME, where NAME is a "
    "folder with an NLLB, M2M100 or Marian model into English, or such a model on the Hugging Face Hub, as "
    "facebook/nllb-200-distilled-600M (2.5 GB)."
)


@dataclass(frozen=True)
class Lane:
    """One of the systems that are compared.

    Attributes:
        system: Name of a checkpoint, or `LLM_ALONE` or `TRANSLATION`.
        last_layer_only: Mask all encoder layers but the last; for checkpoints only.
    """

    system: str
    last_layer_only: bool = False


@dataclass(frozen=True)
class LaneAnswer:
    """What a system says of a text, and what it took.

    Attributes:
        lane: Which system.
        label: The most probable label.
        scores: Every label of the task → its probability; they sum to 1.
        classification: The whole answer of a bridge, with its layer weights; None for other systems.
        english: What the translator wrote; None without one.
        llm_tokens: Tokens of the text that the LLM read itself; 0 for a bridge, which gives it soft tokens.
        truncated: Whether only the beginning of the text was read.
        milliseconds: Stage → its time: "translation" where there is one, and "answer", from the text to the
            scores. Loading is left out, and what is read once for all texts, such as the instruction.
        weights: Part → bytes of its weights, trained and frozen.
        memory: What was held at most meanwhile, with all else that was loaded.
    """

    lane: Lane
    label: str
    scores: dict[str, float]
    classification: Classification | None
    english: Text | None
    llm_tokens: int
    truncated: bool
    milliseconds: dict[str, float]
    weights: dict[str, int]
    memory: PeakMemory


@dataclass(frozen=True)
class LaneSystems:
    """Where the systems come from; each is loaded when it is asked for.

    Attributes:
        bridge: Returns a checkpoint's bridge by its name.
        llm_alone: Returns the LLM.
        translator: Returns the translator.
    """

    bridge: Callable[[str], FusionBridge]
    llm_alone: Callable[[], LLMAlone]
    translator: Callable[[], Translator]


def check_lanes(lanes: Sequence[Lane]) -> None:
    """Refuse what cannot be compared.

    Raises:
        InputError: there are none or too many, or one without a bridge shall use the last layer only.
    """
    if not 1 <= len(lanes) <= MAX_LANES:
        raise InputError(f"Choose 1 to {MAX_LANES} lanes, not {len(lanes)}.")
    for lane in lanes:
        if lane.last_layer_only and lane.system in (LLM_ALONE, TRANSLATION):
            raise InputError(
                f"'{lane.system}' has no layers to choose from. Switch 'last layer only' off there."
            )


def answer_lane(
    lane: Lane, task: Task, question: Question, systems: LaneSystems, lock: AbstractContextManager
) -> LaneAnswer | FusionDemoError:
    """Return what a system says of a text, or why it says nothing.

    Args:
        lane: The system.
        task: What is asked.
        question: The text.
        systems: Where the system comes from.
        lock: Held meanwhile.
    """
    try:
        with lock:
            if lane.system == LLM_ALONE:
                return _llm_alone(lane, task, question, systems.llm_alone())
            if lane.system == TRANSLATION:
                return _translation(lane, task, question, systems)
            return _bridge(lane, task, question, systems.bridge(lane.system))
    except FusionDemoError as error:
        return error


def _bridge(lane: Lane, task: Task, question: Question, bridge: FusionBridge) -> LaneAnswer:
    only = {"last_layer_only": lane.last_layer_only}
    classify_texts(bridge, task, [_warm_up(task)], **only)
    with measure_peak(bridge.projection.boundary.device) as memory:
        (answer,) = classify_texts(bridge, task, [question], **only)
    if isinstance(answer, InputError):
        raise answer
    trained = [part for part in (bridge.fusion, bridge.projection, bridge.relation) if part is not None]
    return LaneAnswer(
        lane=lane,
        label=answer.label,
        scores=answer.scores,
        classification=answer,
        english=None,
        llm_tokens=0,
        truncated=answer.truncated or answer.prompt_truncated,
        milliseconds={"answer": answer.milliseconds},
        weights={
            "encoder": weight_bytes([bridge.encoder]),
            "bridge": weight_bytes(trained),
            "LLM": weight_bytes([bridge.llm]),
        },
        memory=memory,
    )


def _llm_alone(lane: Lane, task: Task, question: Question, alone: LLMAlone) -> LaneAnswer:
    alone.score_labels([_warm_up(task).text], task)
    with measure_peak(alone.llm.model.device) as memory:
        scores, milliseconds = _score(alone, task, question.text)
    return LaneAnswer(
        lane=lane,
        label=max(scores, key=scores.__getitem__),
        scores=scores,
        classification=None,
        english=None,
        llm_tokens=len(alone.text_ids(question.text, task)),
        truncated=alone.shortens(question.text, task),
        milliseconds={"answer": milliseconds},
        weights={"LLM": weight_bytes([alone.llm])},
        memory=memory,
    )


def _translation(lane: Lane, task: Task, question: Question, systems: LaneSystems) -> LaneAnswer:
    translator, alone = systems.translator(), systems.llm_alone()
    language = detect_language(question.plain)
    if language is None:
        raise InputError(
            "The language of the text was not recognised, and the translator has to know it. Write more."
        )
    try:
        translator.check_languages([language])
    except ConfigError:
        raise InputError(
            f"The translator '{translator.name}' does not read {get_language(language).english_name}. Start "
            "the page with another --translator, or write in another language."
        ) from None
    pipeline = TranslationPipeline(translator, alone)
    alone.score_labels([_warm_up(task).text], task)
    with measure_peak(alone.llm.model.device) as memory:
        start = time.perf_counter()
        (english,) = pipeline.prepare([question.text], language)
        translated = 1000 * (time.perf_counter() - start)
        scores, milliseconds = _score(pipeline, task, english)
    parts = [question.text] if isinstance(question.text, str) else question.text
    return LaneAnswer(
        lane=lane,
        label=max(scores, key=scores.__getitem__),
        scores=scores,
        classification=None,
        english=english,
        llm_tokens=len(alone.text_ids(english, task)),
        truncated=any(translator.shortens(part) for part in parts) or alone.shortens(english, task),
        milliseconds={"translation": translated, "answer": milliseconds},
        weights={"translator": weight_bytes([translator.model]), "LLM": weight_bytes([alone.llm])},
        memory=memory,
    )


def _score(system: LLMAlone | TranslationPipeline, task: Task, text: Text) -> tuple[dict[str, float], float]:
    """Return each label's probability among the labels, and the milliseconds that it took."""
    start = time.perf_counter()
    with torch.inference_mode():
        (probabilities,) = torch.softmax(system.score_labels([text], task), dim=-1).tolist()
    milliseconds = 1000 * (time.perf_counter() - start)
    return dict(zip(task.labels, probabilities, strict=True)), milliseconds


def _warm_up(task: Task) -> Question:
    """A word that every lane answers before it is measured, so that none pays for what is read once."""
    return Question(WARM_UP if len(task.fields) == 1 else (WARM_UP, WARM_UP), 0)
