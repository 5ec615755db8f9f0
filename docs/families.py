"""Write the table of families in docs/bridge-your-own-models.md: `python docs/families.py`, some minutes.

A tiny random model of every family that transformers knows is built and probed, as a real one is when it is
loaded. Families that read no text, or whose tiny model cannot be built of common sizes or has more than some
million weights, are left out.
"""

import copy
import inspect
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import (
    CONFIG_MAPPING,
    MODEL_MAPPING,
    TOKENIZER_MAPPING,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import ModelError
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained.load import T5_ENCODERS, check_role
from fusion_demo.pretrained.tiny import build_tiny_encoder, build_tiny_llm

PAGE = Path(__file__).parent / "bridge-your-own-models.md"
BEGIN, END = "<!-- families:begin -->", "<!-- families:end -->"
LARGEST = 5_000_000
LONGEST_REASON = 160
NO_VERDICT = ("size of tensor", "shape '", "it does not read token ids alone", "required positional argument")
"""In a refusal, these say that sizes do not fit one another, or that a model reads no text at all."""

SIZES = {
    24: "hidden_size d_model n_embd emb_dim dim embedding_size word_embed_proj_dim",
    3: "num_hidden_layers num_layers encoder_layers n_layer n_layers num_encoder_layers max_window_layers",
    1: "decoder_layers num_decoder_layers num_key_value_heads n_group topk_group num_loops n_shared_experts "
    "first_k_dense_replace",
    2: "num_attention_heads encoder_attention_heads decoder_attention_heads n_head n_heads num_heads "
    "num_experts_per_tok linear_num_value_heads linear_num_key_heads mamba_n_heads index_n_heads",
    12: "head_dim d_kv",
    32: "intermediate_size d_ff encoder_ffn_dim decoder_ffn_dim ffn_dim hidden_dim n_inner",
    128: "max_position_embeddings n_positions max_seq_len n_ctx",
    4: "num_experts num_local_experts n_routed_experts qk_rope_head_dim rotary_dim laurel_rank",
    16: "moe_intermediate_size shared_expert_intermediate_size",
    8: "hidden_size_per_layer_input q_lora_rank kv_lora_rank qk_nope_head_dim v_head_dim linear_key_head_dim "
    "linear_value_head_dim mamba_d_state state_size index_head_dim",
    64: "sliding_window attention_chunk_size",
    0: "num_kv_shared_layers num_nextn_predict_layers",
}
SMALL = {name: size for size, names in SIZES.items() for name in names.split()}


def small(config: PreTrainedConfig, **ids: int) -> PreTrainedConfig:
    """Return a configuration of the same family with small sizes."""
    values = {
        name: value
        for name, value in (SMALL | ids).items()
        if isinstance(getattr(config, name, None), int) and not isinstance(getattr(config, name), bool)
    }
    if hasattr(config, "qk_rope_head_dim"):
        values.pop("head_dim", None)
    if kinds := list(dict.fromkeys(getattr(config, "layer_types", None) or [])):
        values["layer_types"] = [kinds[place % len(kinds)] for place in range(3)]
    for name, part in vars(config).items():
        if name.endswith("_config") and isinstance(part, PreTrainedConfig):
            values[name] = small(part, **ids)
    return type(config)(**values)


def families(role: str) -> Iterator[tuple[str, PreTrainedConfig]]:
    """Yield each family's name and default configuration that transformers has for a role."""
    for name in CONFIG_MAPPING:
        try:
            config = CONFIG_MAPPING[name]()
            check_role(config, role, name)
        except Exception:  # noqa: BLE001 - some need files or packages, or are of the other role
            continue
        if role == "LLM" or type(config) in TOKENIZER_MAPPING:
            yield name, config


def build(role: str, config: PreTrainedConfig) -> PreTrainedModel:
    """Return a random model whose every part does something; a ValueError if it is not small."""
    make = AutoModelForCausalLM.from_config
    if role == "encoder":
        make = T5_ENCODERS.get(config.model_type) or MODEL_MAPPING[type(config)]
        if "add_pooling_layer" in inspect.signature(make).parameters:
            kind = make
            make = lambda config: kind(config, add_pooling_layer=False)  # noqa: E731
    with torch.device("meta"):
        weights = sum(parameter.numel() for parameter in make(copy.deepcopy(config)).parameters())
    if weights > LARGEST:
        raise ValueError("not small")
    torch.manual_seed(0)
    model = make(config).eval()
    for parameter in model.parameters():
        noise = torch.randn_like(parameter) * 0.3
        parameter.data = noise if parameter.dim() > 1 or not parameter.any() else parameter.data + noise / 3
    return model.get_encoder() if role == "encoder" and config.is_encoder_decoder else model


def verdict(role: str, model: PreTrainedModel) -> str:
    """Return how a model can be bridged."""
    try:
        if role == "encoder":
            norm = MultilingualEncoder(model, build_tiny_encoder()[1]).final_norm
            return "works" if norm is None else "works, its final norm on every layer"
        llm = FrozenLLM(model, build_tiny_llm()[1])
    except ModelError as error:
        reason = str(error).partition("cannot be bridged: ")[2].rpartition(". docs/")[0]
        if any(part in reason for part in NO_VERDICT):
            raise ValueError(reason) from error
        return "refused: " + reason[:LONGEST_REASON].replace("|", "\\|")
    if llm.plain:
        return "works the plain way"
    return "works, writes the plain way" if llm.plain_writing else "works"


def table() -> str:
    """Return the table: verdict by verdict, encoders before LLMs."""
    rows: dict[tuple[str, str], list[str]] = {}
    for role, tokenizer in (("encoder", build_tiny_encoder()[1]), ("LLM", build_tiny_llm()[1])):
        size = len(tokenizer)
        ids = {"vocab_size": size, "vocab_size_per_layer_input": size, "pad_token_id": tokenizer.pad_token_id}
        for name, config in families(role):
            try:
                said = verdict(role, build(role, small(config, **ids)))
            except Exception:  # noqa: BLE001 - sizes that do not fit one another say nothing of the family
                continue
            rows.setdefault((role, said), []).append(name)
    lines = ["| | verdict | families, as transformers names them |", "|---|---|---|"]
    order = {"encoder": 0, "LLM": 1}
    for (role, said), names in sorted(rows.items(), key=lambda row: (order[row[0][0]], *_rank(row[0][1]))):
        lines.append(f"| {role} | {said} | {', '.join(names)} |")
    return "\n".join(lines)


def _rank(said: str) -> tuple[bool, int, str]:
    return said.startswith("refused"), len(said), said


if __name__ == "__main__":
    transformers_logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    page = PAGE.read_text("utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", "utf-8")
