"""Write an LLM down as a graph of OpenVINO's operations: embeddings in, logits out, keys and values kept."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from fusion_demo.compiled.packing import PackedWeight, pack
from fusion_demo.errors import ModelError

GRAPH_FILE = "openvino_llm.xml"
"""Beside it, `openvino_llm.bin` holds the weights."""

EMBEDDINGS, ROW, LOGITS = "embeddings", "row", "logits"
"""Inputs (1, S, E) and (1,), always 0, and output (1, 1, V) of the graph."""

FINGERPRINT = ["fusion_demo", "llm_fingerprint"]
STATE = "past.{}"
"""Name of the keys (2 i) and values (2 i + 1) of layer i, (1, heads, tokens, head width)."""

EXAMPLE_TOKENS = 2
"""Tokens of the example that is traced: one alone would be traced as the special case that it is."""


def graph_of(folder: Path) -> Path | None:
    """Return the graph that stands in a model's folder, None if there is none."""
    path = folder / GRAPH_FILE
    return path if path.is_file() else None


def states_of(cache: DynamicCache) -> list[Tensor]:
    """Return the keys and values of all layers in the order of `STATE`."""
    return [state for layer in cache.layers for state in (layer.keys, layer.values)]


def write_graph(model: PreTrainedModel, folder: Path, *, fingerprint: str) -> bool:
    """Write the graph of an LLM into a folder, if all its matrices can be packed without loss.

    Args:
        model: The LLM, on the CPU, in float32.
        folder: Where `GRAPH_FILE` and its weights come.
        fingerprint: Of the LLM, see `fusion_demo.pretrained.fingerprint`; kept in the graph.

    Returns:
        Whether it was written.

    Raises:
        ModelError: the LLM does something for which OpenVINO has no operation.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linear or any(pack(module.weight.detach().numpy()) is None for module in linear):
        return False
    from fusion_demo.compiled.runtime import openvino

    try:
        graph, kept = _trace(model)
    except RuntimeError as error:
        raise ModelError(f"This LLM cannot be written as an OpenVINO graph: {error}") from error
    arrays = _pack_matrices(graph)
    _keep_state(graph, kept)
    graph.set_rt_info(fingerprint, FINGERPRINT)
    openvino.save_model(graph, folder / GRAPH_FILE, compress_to_fp16=False)
    del arrays  # until here, the graph reads the packed weights from them
    return True


class _Traced(nn.Module):
    """The LLM with its cache as plain tensors: what comes behind `past`, one row without padding."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, embeddings: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        before, length = past[0].shape[2], embeddings.shape[1]
        positions = torch.arange(before, before + length)
        # (S, P + S): each sees all that stands before it, and itself. Added to the scores, which OpenVINO
        # does faster than to choose among them.
        hidden = torch.arange(before + length)[None, :] > positions[:, None]
        bias = hidden.to(embeddings.dtype) * torch.finfo(embeddings.dtype).min
        cache = DynamicCache(config=self.model.config)
        for layer, keys, values in zip(cache.layers, past[::2], past[1::2], strict=True):
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
        output = self.model(
            inputs_embeds=embeddings,
            attention_mask=bias[None, None],
            position_ids=positions[None],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits, *states_of(cache)


@torch.no_grad()
def _trace(model: PreTrainedModel) -> tuple[Any, list[list[int]]]:
    """Return the graph, and the shape of each of its keys and values, with -1 for the number of tokens."""
    from fusion_demo.compiled.runtime import FrontEndManager, TorchScriptPythonDecoder, openvino

    width = model.get_input_embeddings().weight.shape[1]
    example = torch.zeros(1, EXAMPLE_TOKENS, width)
    past = states_of(model(inputs_embeds=example, use_cache=True).past_key_values)
    with warnings.catch_warnings():
        # It warns of every shape that is read; that the graph is right at other lengths is tested. And
        # that torch will give up this way of tracing, see decision 20.
        warnings.simplefilter("ignore")
        decoder = TorchScriptPythonDecoder(_Traced(model).eval(), example_input=(example, *past))
    frontend = FrontEndManager().load_by_framework("pytorch")
    graph = frontend.convert(frontend.load(decoder))
    kept = [[1, state.shape[1], -1, state.shape[3]] for state in past]
    shapes = [[1, -1, width], *kept]
    for i, (port, shape) in enumerate(zip(graph.inputs, shapes, strict=True)):
        port.get_tensor().set_names({STATE.format(i - 1) if i else EMBEDDINGS})
        port.get_node().set_partial_shape(openvino.PartialShape(shape))
    for i, port in enumerate(graph.outputs):
        port.get_tensor().set_names({f"present.{i - 1}" if i else LOGITS})
    graph.validate_nodes_and_infer_types()
    return graph, kept


def _pack_matrices(graph: Any) -> list[np.ndarray]:
    """Put packed weights in the place of a graph's float ones; the arrays returned must outlive the graph."""
    arrays: list[np.ndarray] = []
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        source = node.input_value(1).get_node()
        if source.get_type_name() == "Constant" and (packed := pack(source.get_data())):
            node.input(1).replace_source_output(_unpacked(packed, arrays).output(0))
    return arrays


def _unpacked(weight: PackedWeight, arrays: list[np.ndarray]) -> Any:
    """Return the operations that unpack a weight. OpenVINO knows them and multiplies without doing so."""
    from fusion_demo.compiled.runtime import openvino, operations

    shape = list(weight.values.shape)
    if weight.smallest is None:
        stored, kind = np.ascontiguousarray(weight.values), openvino.Type.i8
    else:  # two to a byte, the first in the lower half
        flat = weight.values.reshape(-1)
        stored, kind = flat[0::2] | flat[1::2] << 4, openvino.Type.u4
    arrays.append(stored)
    node = operations.convert(openvino.op.Constant(openvino.Tensor(stored, shape, kind)), "f32")
    if weight.smallest is not None:
        zero = -weight.smallest / weight.scale
        node = operations.subtract(node, operations.constant(zero))
    node = operations.multiply(node, operations.constant(weight.scale))
    matrix = np.array([shape[0], shape[1] * shape[2]], dtype=np.int64)
    return operations.reshape(node, operations.constant(matrix), special_zero=False)


def _keep_state(graph: Any, kept: list[list[int]]) -> None:
    """Let the graph keep keys and values from call to call, so that OpenVINO grows them in place."""
    from fusion_demo.compiled.runtime import apply_make_stateful_transformation, operations

    # Beams would be reordered by it; attention that grows its own keys is only recognised behind it.
    row = operations.parameter([1], np.int32, name=ROW)
    row.output(0).get_tensor().set_names({ROW})
    graph.add_parameters([row])
    names = {STATE.format(i): f"present.{i}" for i in range(len(kept))}
    for name in names:
        past = graph.input(name)
        readers = list(past.get_target_inputs())
        chosen = operations.gather(past.get_node(), row, operations.constant(np.int64(0)))
        for reader in readers:
            reader.replace_source_output(chosen.output(0))
    apply_make_stateful_transformation(graph, names)
    shapes = {name + present: shape for (name, present), shape in zip(names.items(), kept, strict=True)}
    for node in graph.get_ops():
        if node.get_type_name() == "ReadValue":
            empty = [0 if size < 0 else size for size in shapes[node.get_attributes()["variable_id"]]]
            zero, shape = np.float32(0), np.array(empty, dtype=np.int64)
            nothing = operations.broadcast(operations.constant(zero), operations.constant(shape))
            node.set_arguments([nothing.output(0)])
    graph.validate_nodes_and_infer_types()
