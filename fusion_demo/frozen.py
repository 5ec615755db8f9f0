"""The frozen models behind the bridges: each is loaded once and shared."""

import threading
from functools import partial
from pathlib import Path

import torch

from fusion_demo.bridge import FusionBridge
from fusion_demo.compiled import CompiledLLM
from fusion_demo.config import BridgeConfig
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained import LoadedModel, load_encoder, load_llm, load_translator


class FrozenModels:
    """Loads each frozen model once and shares it among bridges. Safe to use from several threads.

    Args:
        device: Where the models run.
        dtype: Their number format.
        compiled: Whether an LLM's graph, if it has one, writes single answers on a CPU, see
            `fusion_demo.compiled`.
    """

    def __init__(
        self, *, device: str = "cpu", dtype: torch.dtype = torch.float32, compiled: bool = False
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.compiled = compiled
        self._loaded: dict[tuple[str, str], LoadedModel] = {}
        self._llms: dict[str, FrozenLLM] = {}
        self._lock = threading.Lock()

    def build(self, config: BridgeConfig) -> FusionBridge:
        """Return an untrained bridge between the config's two models, in evaluation mode."""
        encoder = self._load("encoder", config.encoder)
        bridge = FusionBridge(
            config,
            MultilingualEncoder(
                encoder.model,
                encoder.tokenizer,
                prefix=config.encoder_prefix,
                max_tokens=config.max_text_tokens,
                language=config.encoder_language,
            ),
            self.llm(config.llm),
        )
        return bridge.to(self.device).eval()

    def llm(self, reference: str) -> FrozenLLM:
        """Return an LLM by its reference, see `fusion_demo.pretrained`."""
        loaded, graph = self._load("llm", reference), self.graph(reference)
        with self._lock:
            if reference not in self._llms:
                compile_graph = partial(CompiledLLM, graph, fingerprint=loaded.fingerprint) if graph else None
                self._llms[reference] = FrozenLLM(loaded.model, loaded.tokenizer, compile_graph=compile_graph)
            return self._llms[reference]

    def graph(self, reference: str) -> Path | None:
        """Return the graph that writes an LLM's single answers, None if torch does."""
        return self._load("llm", reference).graph if self.compiled else None

    def translator(self, reference: str) -> LoadedModel:
        """Return an encoder-decoder model that translates by its reference, see `fusion_demo.pretrained`."""
        return self._load("translator", reference)

    def fingerprints(self, config: BridgeConfig) -> dict[str, str]:
        """Return the fingerprints of the config's `encoder` and `llm`, and of what shapes their input."""
        loaded = {"encoder": self._load("encoder", config.encoder), "llm": self._load("llm", config.llm)}
        return {role: model.fingerprint for role, model in loaded.items()} | {
            f"{role}_input": model.input_fingerprint for role, model in loaded.items()
        }

    def _load(self, role: str, reference: str) -> LoadedModel:
        load = {"encoder": load_encoder, "llm": load_llm, "translator": load_translator}[role]
        with self._lock:
            if (role, reference) not in self._loaded:
                self._loaded[role, reference] = load(reference, device=self.device, dtype=self.dtype)
            return self._loaded[role, reference]
