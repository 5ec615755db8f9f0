"""The frozen models behind the bridges: each is loaded once and shared."""

import threading

import torch

from fusion_demo.bridge import FusionBridge
from fusion_demo.config import BridgeConfig
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.llm import FrozenLLM
from fusion_demo.pretrained import LoadedModel, load_encoder, load_llm


class FrozenModels:
    """Loads each frozen model once and shares it among bridges. Safe to use from several threads."""

    def __init__(self, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        self.device = device
        self.dtype = dtype
        self._loaded: dict[tuple[str, str], LoadedModel] = {}
        self._llms: dict[str, FrozenLLM] = {}
        self._lock = threading.Lock()

    def build(self, config: BridgeConfig) -> FusionBridge:
        """Return an untrained bridge between the config's two models, in evaluation mode."""
        encoder, llm = self._load("encoder", config.encoder), self._load("llm", config.llm)
        with self._lock:
            if config.llm not in self._llms:
                self._llms[config.llm] = FrozenLLM(llm.model, llm.tokenizer)
        bridge = FusionBridge(
            config,
            MultilingualEncoder(
                encoder.model,
                encoder.tokenizer,
                prefix=config.encoder_prefix,
                max_tokens=config.max_text_tokens,
            ),
            self._llms[config.llm],
        )
        return bridge.to(self.device).eval()

    def fingerprints(self, config: BridgeConfig) -> dict[str, str]:
        """Return the fingerprints of the config's `encoder` and `llm`."""
        return {
            "encoder": self._load("encoder", config.encoder).fingerprint,
            "llm": self._load("llm", config.llm).fingerprint,
        }

    def _load(self, role: str, reference: str) -> LoadedModel:
        load = {"encoder": load_encoder, "llm": load_llm}[role]
        with self._lock:
            if (role, reference) not in self._loaded:
                self._loaded[role, reference] = load(reference, device=self.device, dtype=self.dtype)
            return self._loaded[role, reference]
