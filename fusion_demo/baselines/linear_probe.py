"""Linear probe: logistic regression on the frozen encoder's mean-pooled last layer.

It sees the same encoder as the bridge and the same English texts, but has no LLM: it shows how much of a
task is already a linear read-out of the encoder.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from tqdm import tqdm

from fusion_demo.batching import batches_by_length
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import DataError
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text

INVERSE_REGULARISATION = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Values of logistic regression's C that are tried, the strongest regularisation first."""

MAX_ITERATIONS = 5_000

LEAST = sys.float_info.min
"""Probability of a label that no training text has: above 0, since its logarithm is written to files."""


@dataclass(frozen=True)
class LinearProbe:
    """A fitted probe and how it was chosen.

    Attributes:
        classifier: Maps features (N, F) to labels.
        standardised: Whether every feature is scaled to mean 0 and variance 1 first.
        inverse_regularisation: Logistic regression's C.
        dev_accuracy: Accuracy, a fraction, on the dev texts that chose the two above.
    """

    classifier: Pipeline
    standardised: bool
    inverse_regularisation: float
    dev_accuracy: float

    def predict(self, features: np.ndarray) -> list[str]:
        """Return the label of each row of features (N, F)."""
        return self.classifier.predict(features).tolist()

    def log_probabilities(self, features: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Return the log-probability of each of the labels, (N, K), for features (N, F)."""
        known = self.classifier.predict_proba(features)
        columns = {label: k for k, label in enumerate(self.classifier.classes_.tolist())}
        probabilities = np.full((len(features), len(labels)), LEAST)
        for k, label in enumerate(labels):
            if label in columns:
                probabilities[:, k] = np.maximum(known[:, columns[label]], LEAST)
        return np.log(probabilities)


class ProbeAnswerer:
    """A fitted probe and its encoder: scores labels, writes nothing."""

    name = "linear-probe"

    def __init__(self, probe: LinearProbe, encoder: MultilingualEncoder) -> None:
        self.probe = probe
        self.encoder = encoder

    def prepare(self, texts: Sequence[Text], language: str) -> list[Text]:
        """Return the texts as they are."""
        return list(texts)

    def score_labels(self, texts: Sequence[Text], task: Task) -> Tensor:
        """Return the log-probability of each label, (B, K), in nats."""
        features = pool_texts(self.encoder, texts, batch_size=len(texts))
        return torch.from_numpy(self.probe.log_probabilities(features, task.labels))


def pool_texts(
    encoder: MultilingualEncoder, texts: Sequence[Text], *, batch_size: int, description: str = ""
) -> np.ndarray:
    """Return what the probe sees of texts: u, the mean of the last layer's states over the real tokens.

    It is scaled to length 1. A pair becomes [u; v; |u - v|; u * v] of its two texts, each read alone, as in
    InferSent (Conneau et al., 2017, "Supervised learning of universal sentence representations").

    Args:
        encoder: The frozen encoder.
        texts: N texts, or N pairs.
        batch_size: Texts per batch; texts of like length share one.
        description: Shown before the progress bar; there is none where stderr is no terminal.

    Returns:
        (N, F) float32, in the order of the texts; F is D for texts, 4 D for pairs.
    """
    pairs = [text for text in texts if not isinstance(text, str)]
    if not pairs:
        return _means(encoder, texts, batch_size, description)
    u, v = (_means(encoder, part, batch_size, description) for part in zip(*pairs, strict=True))
    return np.concatenate([u, v, np.abs(u - v), u * v], axis=1)


def fit_linear_probe(
    train_features: np.ndarray,
    train_labels: Sequence[str],
    dev_features: np.ndarray,
    dev_labels: Sequence[str],
) -> LinearProbe:
    """Fit a probe for every setting and keep the one with the highest accuracy on the dev texts.

    On a tie the first one tried wins: no standardisation before standardisation, strong regularisation
    before weak. Nothing is drawn at random.

    Args:
        train_features: (N, F) features of the training texts.
        train_labels: Their N labels.
        dev_features: (M, F) features of the texts that choose the setting.
        dev_labels: Their M labels.

    Raises:
        DataError: all training texts have the same label.
    """
    if len(set(train_labels)) < 2:
        raise DataError("All training texts have the same label. Train the probe on more of them.")
    probes = [
        _fit(train_features, train_labels, dev_features, dev_labels, standardised, inverse_regularisation)
        for standardised, inverse_regularisation in product((False, True), INVERSE_REGULARISATION)
    ]
    return max(probes, key=lambda probe: probe.dev_accuracy)


def _fit(
    train_features: np.ndarray,
    train_labels: Sequence[str],
    dev_features: np.ndarray,
    dev_labels: Sequence[str],
    standardised: bool,
    inverse_regularisation: float,
) -> LinearProbe:
    regression = LogisticRegression(C=inverse_regularisation, max_iter=MAX_ITERATIONS)
    scaler = StandardScaler() if standardised else "passthrough"
    classifier = make_pipeline(scaler, regression).fit(train_features, train_labels)
    accuracy = float(classifier.score(dev_features, dev_labels))
    return LinearProbe(classifier, standardised, inverse_regularisation, accuracy)


def _means(
    encoder: MultilingualEncoder, texts: Sequence[Text], batch_size: int, description: str
) -> np.ndarray:
    """The scaled means of N texts, (N, D)."""
    pooled = np.empty((len(texts), encoder.width), dtype=np.float32)
    with tqdm(total=len(texts), desc=description, unit="text", disable=None, leave=False) as progress:
        for batch in batches_by_length(texts, batch_size):
            encoded = encoder([texts[index] for index in batch])
            weights = encoded.mask.unsqueeze(-1).float()
            states = encoded.layer_states[:, :, -1].float()
            mean = (states * weights).sum(dim=1) / weights.sum(dim=1)
            pooled[batch] = (mean / mean.norm(dim=1, keepdim=True)).cpu().numpy()
            progress.update(len(batch))
    return pooled
