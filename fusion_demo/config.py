"""Every option of the bridge and of its training: name, default, meaning and check in one place.

The command line, the YAML file, the checkpoint's config.json and the README's tables are
all made from these dataclasses. Reading is strict: an unknown key is an error.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fusion_demo.errors import ConfigError, shown, unknown_name

Config = TypeVar("Config", "BridgeConfig", "TrainConfig")

FUSION_NAMES = (
    "last-layer",
    "global-softmax",
    "transformer-softmax",
    "scaling-vectors",
    "transparent-attention",
    "depthwise-attention",
)
PROJECTION_NAMES = ("linear", "mlp")
PROMPT_FORMS = ("auto", "chat", "bare")
TEXT_PROMPTS = ("none", "augment")
SOFT_TOKEN_UNITS = ("token", "word", "text")


def option(default: Any, help: str, choices: tuple[str, ...] = ()) -> Any:
    """Declare a config field together with its meaning and unit, and the values that it may have."""
    return field(default=default, metadata={"help": help, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class BridgeConfig:
    """What alone rebuilds a bridge: both frozen models, the fusion, the projection, the prompt."""

    encoder: str = option(
        "embedded:multilingual-e5-small", "frozen encoder: embedded:NAME, hub id, or local folder"
    )
    llm: str = option(
        "embedded:smollm2-135m-instruct", "frozen causal LLM: embedded:NAME, hub id, or local folder"
    )
    encoder_prefix: str = option("", "text set before every input of the encoder, as e5's 'query: '")
    encoder_language: str = option(
        "",
        "code of the language that an encoder with a token for each, as NLLB, reads all texts in; empty: the "
        "one that is detected of each text",
    )
    max_text_tokens: int = option(256, "encoder tokens kept of each text")
    fusion: str = option("transformer-softmax", f"layer fusion: {', '.join(FUSION_NAMES)}", FUSION_NAMES)
    fusion_blocks: int = option(1, "transformer-softmax: Transformer blocks over the layers (eq. 6)")
    fusion_heads: int = option(4, "transformer-softmax: attention heads")
    fusion_feedforward: float = option(2.0, "transformer-softmax: feed-forward width / encoder width")
    fusion_dropout: float = option(0.1, "transformer-softmax: dropout, fraction")
    fusion_slope: float = option(
        0.0, "global- and transformer-softmax: layer l starts with a weight like exp(slope * l); 0: uniform"
    )
    projection: str = option(
        "linear", f"map into the LLM's space: {', '.join(PROJECTION_NAMES)}", PROJECTION_NAMES
    )
    projection_width: int = option(0, "mlp: width of its hidden layer; 0: twice the encoder's width")
    projection_norm: bool = option(True, "layer norm between the fusion and the projection")
    soft_token_unit: str = option(
        "token",
        f"what a soft token stands for: {', '.join(SOFT_TOKEN_UNITS)}; word: the mean of its fused states; "
        "text: nothing but the sentence and relation tokens",
        SOFT_TOKEN_UNITS,
    )
    sentence_token: bool = option(
        False, "one more soft token before the others for each text: the mean of its fused states"
    )
    relation_token: bool = option(
        False, "pairs: one more soft token before all others, made from both texts' means"
    )
    prompt_form: str = option(
        "auto",
        "chat: inside the LLM's chat template; bare: [BOS] soft [boundary] target, as the paper; "
        "auto: chat where the LLM has a template",
        PROMPT_FORMS,
    )
    template_arguments: str = option(
        "",
        'arguments of the LLM\'s chat template, as JSON: {"enable_thinking": true}; thinking is off unless '
        "they turn it on",
    )
    text_prompt: str = option(
        "none",
        "augment: the text itself follows the soft tokens as ordinary LLM tokens, as in MindMerger's second "
        "stage; none: the LLM reads soft tokens alone",
        TEXT_PROMPTS,
    )
    text_prompt_tokens: int = option(256, "augment: LLM tokens kept of each text")

    def __post_init__(self) -> None:
        for own in dataclasses.fields(self):
            if own.metadata["choices"]:
                _choice(own.name, getattr(self, own.name), own.metadata["choices"])
        if self.soft_token_unit == "text" and not (self.sentence_token or self.relation_token):
            raise ConfigError(
                "soft_token_unit text leaves the LLM nothing to read without a token for the whole text. "
                "Add --sentence-token."
            )
        _at_least("max_text_tokens", self.max_text_tokens, 1)
        _at_least("text_prompt_tokens", self.text_prompt_tokens, 1)
        _at_least("fusion_blocks", self.fusion_blocks, 1)
        _at_least("fusion_heads", self.fusion_heads, 1)
        _at_least("projection_width", self.projection_width, 0)
        _above("fusion_feedforward", self.fusion_feedforward, 0.0)
        _fraction("fusion_dropout", self.fusion_dropout)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a bridge is trained."""

    task: str = option("news", "task to train on")
    data: str = option(
        "",
        "folder with train.en.jsonl and dev.<language>.jsonl, or a copy of the hub's data set; "
        "empty: the task's data set on the Hugging Face Hub",
    )
    output: str = option("", "checkpoint folder to write")
    init_from: str = option(
        "", "checkpoint whose trained tensors the training starts from, of the same models and shapes"
    )
    seed: int = option(0, "seed of initialisation, order and dropout")
    sample_seed: int = option(0, "seed of the sample that max_examples and warm_start_examples keep")
    epochs: int = option(1, "passes over the training examples")
    max_examples: int = option(0, "training examples kept (a seeded sample); 0: all")
    warm_start_epochs: int = option(
        0, "passes of the warm start, in which the first soft token learns its label without the LLM; 0: none"
    )
    warm_start_noise: float = option(
        0.0,
        "Gaussian noise on the mean fused state of a text, or of each word, in the warm start, relative to "
        "its own scale",
    )
    warm_start_learning_rate: float = option(1e-3, "peak learning rate of the warm start")
    warm_start_examples: int = option(0, "training examples of the warm start (a seeded sample); 0: all")
    state_cache: str = option(
        "",
        "folder that keeps the encoder's states in half precision, so that each text is read once for all "
        "epochs and trainings (the embedded encoder: 10 KB a token); empty: none",
    )
    batch_size: int = option(16, "examples per step and process")
    gradient_accumulation: int = option(1, "steps whose gradients are added before an update")
    recompute: float = option(
        0.0,
        "fraction of the LLM's layers that are computed a second time on the way back instead of being kept: "
        "less memory, more time, the same numbers",
    )
    learning_rate: float = option(1e-3, "peak learning rate of the projection and the boundary vector")
    fusion_learning_rate: float = option(0.0, "peak learning rate of the fusion; 0: learning_rate")
    fusion_score_rate: float = option(
        1.0,
        "global-softmax: rate of its weights as a fraction of the fusion's; of its temperature, the square",
    )
    weight_decay: float = option(0.01, "AdamW's weight decay")
    adam_beta1: float = option(0.9, "AdamW's first moment decay")
    adam_beta2: float = option(0.999, "AdamW's second moment decay")
    warmup_fraction: float = option(0.05, "fraction of the updates with a rising learning rate")
    max_gradient_norm: float = option(1.0, "gradients are clipped to this norm")
    soft_token_noise: float = option(
        0.0, "Gaussian noise on the soft tokens in training, relative to their own scale"
    )
    soft_token_dropout: float = option(0.0, "fraction of soft tokens hidden from the LLM in training")
    soft_token_dropout_max: float = option(
        0.0,
        "each update hides its own fraction, drawn between soft_token_dropout and this; 0: always the same",
    )
    soft_token_merge: float = option(
        0.0, "chance of a soft token to become one with the next in training: their mean"
    )
    soft_token_split: float = option(0.0, "chance of a soft token to stand there twice in training")
    evaluations: int = option(4, "dev evaluations over the whole training, the last at its end")
    dev_examples: int = option(300, "dev examples per language in each evaluation; 0: all")
    dev_languages: str = option("en", "languages of the dev evaluations, comma-separated")
    patience: int = option(0, "stop after this many dev evaluations without a gain; 0: never")

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "gradient_accumulation", "evaluations"):
            _at_least(name, getattr(self, name), 1)
        for name in (
            "max_examples",
            "warm_start_epochs",
            "warm_start_examples",
            "dev_examples",
            "patience",
            "seed",
            "sample_seed",
        ):
            _at_least(name, getattr(self, name), 0)
        if 0.0 < self.soft_token_dropout_max < self.soft_token_dropout:
            raise ConfigError(
                f"'soft_token_dropout_max' is {self.soft_token_dropout_max}, below 'soft_token_dropout' "
                f"({self.soft_token_dropout}). Give at least that, or 0 for no draw."
            )
        _above("learning_rate", self.learning_rate, 0.0)
        _above("warm_start_learning_rate", self.warm_start_learning_rate, 0.0)
        _above("fusion_score_rate", self.fusion_score_rate, 0.0)
        _above("max_gradient_norm", self.max_gradient_norm, 0.0)
        for name in ("fusion_learning_rate", "weight_decay", "soft_token_noise", "warm_start_noise"):
            _at_least(name, getattr(self, name), 0.0)
        if not 0.0 <= self.recompute <= 1.0:
            raise ConfigError(f"'recompute' must be at least 0 and at most 1, not {self.recompute}.")
        for name in (
            "warmup_fraction",
            "soft_token_dropout",
            "soft_token_dropout_max",
            "soft_token_merge",
            "soft_token_split",
            "adam_beta1",
            "adam_beta2",
        ):
            _fraction(name, getattr(self, name))


def read_config(kind: type[Config], values: dict[str, Any], source: str) -> Config:
    """Build a config from plain values; refuse unknown keys and wrong types.

    Args:
        kind: `BridgeConfig` or `TrainConfig`.
        values: Option name to value, as read from JSON, YAML or the command line.
        source: Where the values came from, for the error message.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    fields = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for name, value in values.items():
        if name not in fields:
            raise ConfigError(f"{source}: {unknown_name('option', name, fields)}")
        if not _is_a(value, hints[name]):
            raise ConfigError(
                f"{source}: '{name}' takes {hints[name].__name__}, not {type(value).__name__} {shown(value)}."
            )
    converted = {n: float(v) if hints[n] is float else v for n, v in values.items()}
    try:
        return kind(**converted)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def option_names(kind: type) -> tuple[str, ...]:
    """Return the names of a config's options in order."""
    return tuple(f.name for f in dataclasses.fields(kind))


def flag_of(name: str) -> str:
    """Return the command-line flag of an option. Example: "max_examples" -> "--max-examples"."""
    return "--" + name.replace("_", "-")


def confined(folder: Path, name: str) -> Path:
    """Return `folder / name` if it lies inside `folder`.

    Raises:
        ConfigError: the name climbs out of the folder or is no plain relative path.
    """
    base = folder.resolve()
    path = (base / name).resolve() if "\0" not in name else base
    if path == base or base not in path.parents:
        raise ConfigError(f"'{name}' is not a name inside {folder.name}/. Give a plain name without '..'.")
    return path


def _is_a(value: Any, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_is_a(value, part) for part in typing.get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(unknown_name(name, value, choices))


def _at_least(name: str, value: float, low: float) -> None:
    if not value >= low:
        raise ConfigError(f"'{name}' must be at least {low}, not {value}.")


def _above(name: str, value: float, low: float) -> None:
    if not value > low:
        raise ConfigError(f"'{name}' must be above {low}, not {value}.")


def _fraction(name: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise ConfigError(f"'{name}' must be at least 0 and below 1, not {value}.")
