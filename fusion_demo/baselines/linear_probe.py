"""Linear probe: logistic regression on the frozen encoder's mean-pooled last layer.

It sees the same encoder as the bridge and the same English texts, but has no LLM: it shows how much of a
task is already a linear read-out of the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import DataError

INVERSE_REGULARISATION = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Values of logistic regression's C that are tried, the strongest regularisation first."""

MAX_ITERATIONS = 5_000


@dataclass(frozen=True)
class LinearProbe:
    """A fitted probe and how it was chosen.

    Attributes:
        classifier: Maps features (N, D) to labels.
        standardised: Whether every feature is scaled to mean 0 and variance 1 first.
        inverse_regularisation: Logistic regression's C.
        dev_accuracy: Accuracy, a fraction, on the dev texts that chose the two above.
    """

    classifier: Pipeline
    standardised: bool
    inverse_regularisation: float
    dev_accuracy: float

    def predict(self, features: np.ndarray) -> list[str]:
        """Return the label of each row of features (N, D)."""
        return self.classifier.predict(features).tolist()


def pool_texts(
    encoder: MultilingualEncoder, texts: Sequence[str], *, batch_size: int, description: str = ""
) -> np.ndarray:
    """Return the mean of the last layer's states over the real tokens, scaled to length 1.

    Args:
        encoder: The frozen encoder.
        texts: N texts.
        batch_size: Texts per batch; texts of like length share one.
        description: Shown before the progress bar; there is none where stderr is no terminal.

    Returns:
        (N, D) float32, in the order of the texts.
    """
    pooled = np.empty((len(texts), encoder.width), dtype=np.float32)
    by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    with tqdm(total=len(texts), desc=description, unit="text", disable=None, leave=False) as progress:
        for start in range(0, len(by_length), batch_size):
            batch = by_length[start : start + batch_size]
            encoded = encoder([texts[index] for index in batch])
            weights = encoded.mask.unsqueeze(-1).float()
            states = encoded.layer_states[:, :, -1].float()
            mean = (states * weights).sum(dim=1) / weights.sum(dim=1)
            pooled[batch] = (mean / mean.norm(dim=1, keepdim=True)).cpu().numpy()
            progress.update(len(batch))
    return pooled


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
        train_features: (N, D) features of the training texts.
        train_labels: Their N labels.
        dev_features: (M, D) features of the texts that choose the setting.
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
