"""Every option of the bridge and of its training: name, default, meaning and check in one place.

The command line, the YAML file, a checkpoint's config.json and the tables of the documentation are all made
from these dataclasses. Reading is strict: an unknown key is an error.
"""

import dataclasses
import operator
import types
import typing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fusion_demo.errors import ConfigError, shown, unknown_name
from fusion_demo.files import expand_home

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
SENTENCE_STATES = ("fused", "last-layer")
RELATION_STATES = ("means", "attention")

RENAMED = {"sentence_token": "sentence_tokens"}  # options of before
LARGEST_NUMBER = 1e30
"""Of an option: float32 ends at 3e38, and an optimiser multiplies."""

PATHS = ("encoder", "llm", "data", "output", "init_from", "state_cache")
"""Options that name a folder, or may do so."""
LISTS = ("data", "dev_languages")
"""Options that are comma-separated lists."""


BOUNDS = {
    "low": ("at least", operator.ge),
    "above": ("above", operator.gt),
    "high": ("at most", operator.le),
    "below": ("below", operator.lt),
}
"""Kind of bound → how an error says it, and what has to hold."""


def option(default: Any, help: str, choices: tuple[str, ...] = (), **bounds: float) -> Any:
    """Declare a config field: its meaning and unit, the values that it may have, and its `BOUNDS`."""
    return field(default=default, metadata={"help": help, "choices": choices, **bounds})


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
        "language code that an encoder with a token for each, as NLLB, reads all texts in; empty: detected",
    )
    max_text_tokens: int = option(256, "encoder tokens kept of each text", low=1)
    fusion: str = option("transformer-softmax", f"layer fusion: {', '.join(FUSION_NAMES)}", FUSION_NAMES)
    fusion_blocks: int = option(1, "transformer-softmax: Transformer blocks over the layers (eq. 6)", low=1)
    fusion_heads: int = option(4, "transformer-softmax: attention heads", low=1)
    fusion_feedforward: float = option(
        2.0, "transformer-softmax: feed-forward width / encoder width", above=0.0
    )
    fusion_dropout: float = option(0.1, "transformer-softmax: dropout, fraction", low=0.0, below=1.0)
    fusion_slope: float = option(
        0.0, "global- and transformer-softmax: layer l starts with a weight like exp(slope * l); 0: uniform"
    )
    projection: str = option(
        "linear", f"map into the LLM's space: {', '.join(PROJECTION_NAMES)}", PROJECTION_NAMES
    )
    projection_width: int = option(0, "mlp: width of its hidden layer; 0: twice the encoder's width", low=0)
    projection_norm: bool = option(True, "layer norm between the fusion and the projection")
    soft_token_unit: str = option(
        "token",
        f"what a soft token stands for: {', '.join(SOFT_TOKEN_UNITS)}; word: the mean of its fused states; "
        "text: nothing but the sentence and relation tokens",
        SOFT_TOKEN_UNITS,
    )
    sentence_tokens: int = option(
        0,
        "soft tokens before the others that stand for each whole text; 1: its mean fused state, projected as "
        "the others are; more: made by a map of their own",
        low=0,
    )
    sentence_states: str = option(
        "fused",
        "what sentence tokens are made from: fused: the mean of the fused states; last-layer: that of the "
        "encoder's last layer, its own sentence vector",
        SENTENCE_STATES,
    )
    sentence_queries: int = option(
        0,
        "learned queries that pool a text's states for its sentence tokens, beside their mean",
        low=0,
    )
    sentence_width: int = option(768, "hidden width of the sentence tokens' own map", low=1)
    relation_token: bool = option(False, "pairs: a soft token before all others, made from both texts")
    relation_states: str = option(
        "means",
        "where a pair's texts meet in the relation token: means: of their fused states; attention: each "
        "token with what it attends to in the other text",
        RELATION_STATES,
    )
    prompt_form: str = option(
        "auto",
        "chat: inside the LLM's chat template; bare: [BOS] soft [boundary] target, as the paper; "
        "auto: chat where the LLM has a template",
        PROMPT_FORMS,
    )
    template_arguments: str = option(
        "",
        'arguments of the LLM\'s chat template, as JSON; thinking is off without {"enable_thinking": true}',
    )
    text_prompt: str = option(
        "none",
        "augment: the text itself follows the soft tokens as ordinary LLM tokens, as in MindMerger's second "
        "stage; none: the LLM reads soft tokens alone",
        TEXT_PROMPTS,
    )
    text_prompt_tokens: int = option(256, "augment: LLM tokens kept of each text", low=1)

    def __post_init__(self) -> None:
        _check(self)
        if self.soft_token_unit == "text" and not (self.sentence_tokens or self.relation_token):
            raise ConfigError(
                "soft_token_unit text leaves the LLM nothing to read without a token for the whole text. "
                "Add --sentence-tokens 1."
            )

    @property
    def maps_sentences(self) -> bool:
        """Whether the sentence tokens have a map of their own, and not the projection of the others."""
        plain = self.sentence_tokens == 1 and self.sentence_states == "fused" and not self.sentence_queries
        return self.sentence_tokens > 0 and not plain


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a bridge is trained."""

    task: str = option("news", "task to train on")
    data: str = option(
        "",
        "folder with train.en.jsonl and dev.<language>.jsonl, or a copy of the hub's data set; several with "
        "commas: training texts from all, dev texts from the first; empty: the task's data set on the "
        "Hugging Face Hub",
    )
    output: str = option("", "checkpoint folder to write")
    init_from: str = option(
        "", "checkpoint whose trained tensors the training starts from, of the same models and shapes"
    )
    seed: int = option(0, "seed of initialisation, order and dropout", low=0)
    sample_seed: int = option(0, "seed of the sample that max_examples and warm_start_examples keep", low=0)
    epochs: int = option(1, "passes over the training examples", low=1)
    max_examples: int = option(0, "training examples kept (a seeded sample); 0: all", low=0)
    warm_start_epochs: int = option(
        0,
        "passes of the warm start, in which the first soft token learns its label without the LLM; 0: none",
        low=0,
    )
    warm_start_noise: float = option(
        0.0,
        "Gaussian noise on the mean fused state of a text, or of each word, in the warm start, relative to "
        "its own scale",
        low=0.0,
    )
    warm_start_learning_rate: float = option(1e-3, "peak learning rate of the warm start", above=0.0)
    warm_start_examples: int = option(
        0, "training examples of the warm start (a seeded sample); 0: all", low=0
    )
    keyword_epochs: int = option(
        0,
        "tasks answered freely: passes of the keyword warm start, in which the sentence tokens learn to name "
        "their text's content words without the LLM; 0: none",
        low=0,
    )
    state_cache: str = option(
        "",
        "folder that keeps the encoder's states in half precision, so that each text is read once for all "
        "epochs and trainings (the embedded encoder: 10 KB a token); empty: none",
    )
    batch_size: int = option(16, "examples per step and process", low=1)
    gradient_accumulation: int = option(1, "steps whose gradients are added before an update", low=1)
    recompute: float = option(
        0.0,
        "fraction of the LLM's layers that are computed a second time on the way back instead of being kept: "
        "less memory, more time, the same numbers",
        low=0.0,
        high=1.0,
    )
    learning_rate: float = option(
        1e-3, "peak learning rate of the projection and the boundary vector", above=0.0
    )
    fusion_learning_rate: float = option(0.0, "peak learning rate of the fusion; 0: learning_rate", low=0.0)
    fusion_score_rate: float = option(
        1.0,
        "global-softmax: rate of its weights as a fraction of the fusion's; of its temperature, the square",
        above=0.0,
    )
    weight_decay: float = option(0.01, "AdamW's weight decay", low=0.0)
    adam_beta1: float = option(0.9, "AdamW's first moment decay", low=0.0, below=1.0)
    adam_beta2: float = option(0.999, "AdamW's second moment decay", low=0.0, below=1.0)
    warmup_fraction: float = option(
        0.05, "fraction of the updates with a rising learning rate", low=0.0, below=1.0
    )
    max_gradient_norm: float = option(1.0, "gradients are clipped to this norm", above=0.0)
    soft_token_noise: float = option(
        0.0,
        "Gaussian noise on the soft tokens in training, relative to their own scale",
        low=0.0,
    )
    soft_token_noise_max: float = option(
        0.0,
        "each example has its own level, drawn between soft_token_noise and this; 0: always the same",
        low=0.0,
    )
    soft_token_hiding: float = option(
        0.0,
        "fraction of the examples whose soft tokens, but those for the whole text, are all hidden",
        low=0.0,
        below=1.0,
    )
    sentence_noise: float = option(
        0.0,
        "Gaussian noise on what sentence tokens are made from, relative to its spread over English texts; "
        "each example's level is drawn between 0 and this",
        low=0.0,
    )
    soft_token_dropout: float = option(
        0.0, "fraction of soft tokens hidden from the LLM in training", low=0.0, below=1.0
    )
    soft_token_dropout_max: float = option(
        0.0,
        "each update hides its own fraction, drawn between soft_token_dropout and this; 0: always the same",
        low=0.0,
        below=1.0,
    )
    soft_token_merge: float = option(
        0.0,
        "chance of a soft token to become one with the next in training: their mean",
        low=0.0,
        below=1.0,
    )
    soft_token_split: float = option(
        0.0, "chance of a soft token to stand there twice in training", low=0.0, below=1.0
    )
    evaluations: int = option(4, "dev evaluations over the whole training, the last at its end", low=1)
    dev_examples: int = option(300, "dev examples per language in each evaluation; 0: all", low=0)
    dev_languages: str = option("en", "languages of the dev evaluations, comma-separated")
    patience: int = option(0, "stop after this many dev evaluations without a gain; 0: never", low=0)

    def __post_init__(self) -> None:
        _check(self)
        for name in ("soft_token_dropout", "soft_token_noise"):
            low, high = getattr(self, name), getattr(self, f"{name}_max")
            if 0.0 < high < low:
                asked = "Give at least that, or 0 for no draw."
                raise ConfigError(f"'{name}_max' is {high}, below '{name}' ({low}). {asked}")


def read_config(kind: type[Config], values: dict[str, Any], source: str) -> Config:
    """Build a config from plain values; refuse unknown keys and wrong types.

    In paths, "~" becomes the home folder; lists lose the spaces around their names.

    Args:
        kind: `BridgeConfig` or `TrainConfig`.
        values: Option name to value, as read from JSON, YAML or the command line.
        source: Where the values came from, for the error message.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    fields = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for old, new in RENAMED.items():
        if old in values and new in fields:
            values = {n: v for n, v in values.items() if n != old} | {new: int(values[old])}
    for name, value in values.items():
        if name not in fields:
            raise ConfigError(f"{source}: {unknown_name('option', name, fields)}")
        if not _is_a(value, hints[name]):
            raise ConfigError(
                f"{source}: '{name}' takes {hints[name].__name__}, not {type(value).__name__} {shown(value)}."
            )
    converted = {n: float(v) if hints[n] is float else v for n, v in values.items()}
    try:
        for name in converted:
            parts = comma_separated(converted[name]) if name in LISTS else [converted[name]]
            if name in (*LISTS, *PATHS):
                converted[name] = ",".join(expand_home(part) if name in PATHS else part for part in parts)
        config = kind(**converted)
        for name, value in converted.items():
            if isinstance(value, float) and not abs(value) <= LARGEST_NUMBER:
                raise ConfigError(f"'{name}' must be at most {LARGEST_NUMBER}, not {value}.")
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    return config


def option_names(kind: type) -> tuple[str, ...]:
    """Return the names of a config's options in order."""
    return tuple(f.name for f in dataclasses.fields(kind))


def flag_of(name: str) -> str:
    """Return the command-line flag of an option. Example: "max_examples" -> "--max-examples"."""
    return "--" + name.replace("_", "-")


def comma_separated(text: str) -> list[str]:
    """Return the names of a list, each once. Example: "a, b," -> ["a", "b"]."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _is_a(value: Any, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_is_a(value, part) for part in typing.get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _check(config: Any) -> None:
    """Refuse a value outside of what its option declares."""
    for own in dataclasses.fields(config):
        name, value, allowed = own.name, getattr(config, own.name), own.metadata
        if allowed["choices"] and value not in allowed["choices"]:
            raise ConfigError(unknown_name(name, value, allowed["choices"]))
        bounds = [f"{words} {allowed[kind]:g}" for kind, (words, _) in BOUNDS.items() if kind in allowed]
        if not all(holds(value, allowed[kind]) for kind, (_, holds) in BOUNDS.items() if kind in allowed):
            raise ConfigError(f"'{name}' must be {' and '.join(bounds)}, not {value}.")
