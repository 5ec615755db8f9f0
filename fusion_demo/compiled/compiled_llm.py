"""Read and write with the graph of an LLM."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from fusion_demo.compiled.graph import EMBEDDINGS, FINGERPRINT, LOGITS, ROW, STATE, states_of
from fusion_demo.errors import ModelError

CPU_OPTIONS = {
    # As torch computes: no bfloat16, no 8-bit activations, no 8-bit keys and values.
    "INFERENCE_PRECISION_HINT": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
    "KV_CACHE_PRECISION": "f32",
    # Of all programs here, threads that are bound to the same core would wait for one another.
    "ENABLE_CPU_PINNING": "NO",
}

REMEDY = (
    "Delete it, and torch answers, more slowly; for the embedded models, `python -m train_cli models fetch` "
    "then makes it anew."
)


class CompiledLLM:
    """An LLM's graph, compiled for this machine's CPU, for as many threads as torch has.

    Args:
        path: The graph, as `write_graph` writes it.
        fingerprint: Of the LLM that it has to be the graph of.

    Raises:
        ModelError: it is another LLM's, or no graph at all.
    """

    def __init__(self, path: Path, *, fingerprint: str) -> None:
        from fusion_demo.compiled.runtime import openvino

        core = openvino.Core()
        try:
            graph = core.read_model(path)
            made_of = str(graph.get_rt_info(FINGERPRINT).value) if graph.has_rt_info(FINGERPRINT) else ""
            if made_of != fingerprint:
                raise ModelError(f"The graph {path} was made of another LLM than lies beside it. {REMEDY}")
            threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
            self._compiled = core.compile_model(graph, "CPU", CPU_OPTIONS | threads)
        except RuntimeError as error:
            raise ModelError(
                f"The graph {path} cannot be read or compiled: {str(error).strip().splitlines()[-1]} {REMEDY}"
            ) from error

    def start(self, prefix: DynamicCache | None = None) -> "Reading":
        """Begin a row behind a prefix, of which torch has computed the keys and values.

        Several rows can be read in turn; none sees another.
        """
        request = self._compiled.create_infer_request()
        if prefix is not None:
            _restore(request, states_of(prefix))
        return Reading(request)


class Reading:
    """One row that is being read, or written."""

    def __init__(self, request: object) -> None:
        self._request = request

    def read(self, embeddings: Tensor) -> Tensor:
        """Read on, embeddings (1, S, E), and return the logits behind the last of them, (1, V)."""
        inputs = {EMBEDDINGS: embeddings.detach().float().contiguous().numpy(), ROW: np.zeros(1, np.int32)}
        self._request.infer(inputs, share_inputs=True)
        return torch.from_numpy(self._request.get_tensor(LOGITS).data[:, -1].copy())


def _restore(request: object, past: list[Tensor]) -> None:
    from fusion_demo.compiled.runtime import openvino

    values = {STATE.format(i): state for i, state in enumerate(past)}
    for state in request.query_state():
        name = state.name.partition("present")[0]
        state.state = openvino.Tensor(values[name].contiguous().numpy())
