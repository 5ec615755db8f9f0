"""Which layers are masked: those that a text used most, and as many at random for comparison."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion_demo.bridge import FusionBridge, LabelScores
from fusion_demo.errors import ConfigError
from fusion_demo.fusion import LastLayerFusion
from fusion_demo.layer_use.weights import mean_of_own_tokens
from fusion_demo.resampling import bootstrap_mean
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text


@dataclass(frozen=True)
class MaskedAnswers:
    """How likely a task's labels are for one text when layers are masked, in nats.

    Attributes:
        labels: The task's labels.
        layers: Numbers of the L layers that are mixed; 0: the embedding output.
        order: (L,), positions in `layers`, the layer with the largest mean weight first.
        whole: (labels,), with nothing masked.
        most_used: (K, labels), row k - 1: without the k layers that the text used most.
        random: (draws, K, labels), row k - 1: without the first k layers of a random order.
    """

    labels: tuple[str, ...]
    layers: list[int]
    order: np.ndarray
    whole: np.ndarray
    most_used: np.ndarray
    random: np.ndarray


def check_masked(bridge: FusionBridge, masked: int) -> None:
    """Check that there are layers left to answer with.

    Raises:
        ConfigError: the bridge uses one layer only, or as many layers are to be masked as there are.
    """
    if isinstance(bridge.fusion, LastLayerFusion):
        raise ConfigError(
            "This checkpoint's fusion is 'last-layer': only one layer is used, and without it nothing is "
            "left to answer from. Layer faithfulness needs a fusion of several layers."
        )
    layers = len(bridge.fusion.layers)
    if not 1 <= masked < layers:
        raise ConfigError(
            f"{masked} layers cannot be masked: the bridge mixes {layers}. "
            f"Ask for 1 to {layers - 1}, on the command line with --masked."
        )


def random_orders(layers: int, texts: int, draws: int, seed: int) -> np.ndarray:
    """Return seeded orders of the layers' positions: (draws, texts, L).

    The k random layers of a draw are the first k of its order.
    """
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(np.arange(layers), (draws, texts, 1)), axis=-1)


def order_of_use(scores: LabelScores) -> np.ndarray:
    """Return the layers' positions, the largest mean weight over a text's own tokens first: (B, L)."""
    soft = scores.soft_tokens
    return np.argsort(-mean_of_own_tokens(soft.layer_weights, soft.tokens), axis=1, kind="stable")


def all_but_first(order: np.ndarray, k: int, bridge: FusionBridge) -> Tensor:
    """Return a layer mask that leaves out the first k layers of each row's order: (B, L) -> (B, L)."""
    kept = np.ones(order.shape, dtype=bool)
    np.put_along_axis(kept, order[:, :k], False, axis=1)
    return torch.from_numpy(kept).to(bridge.projection.boundary.device)


class TextMasking:
    """Masks layers of one text inside the bridge's own forward pass, some rows at a time.

    So that whoever shares the bridge can let others in between two steps.

    Args:
        bridge: In evaluation mode.
        task: Its instruction and label words are used.
        text: A text, or both of a pair.
        masked: K, the largest number of layers to mask.
        draws: Random orders of the layers.
        seed: Of the random orders.

    Raises:
        ConfigError: the bridge uses one layer only, or K leaves none.
    """

    def __init__(
        self, bridge: FusionBridge, task: Task, text: Text, *, masked: int, draws: int, seed: int = 0
    ) -> None:
        check_masked(bridge, masked)
        self.bridge, self.text, self.masked, self.draws = bridge, text, masked, draws
        self.labels = tuple(task.labels)
        self._frame = bridge.frame(task.instruction, task.bare_prompt)
        self._words = list(task.label_words.values())
        self._random = random_orders(len(bridge.fusion.layers), 1, draws, seed)[:, 0]

    def steps(self, rows: int) -> Iterator[MaskedAnswers | None]:
        """Yield after every pass of the models, the result last; until then None.

        Args:
            rows: How often the text stands in a pass.
        """
        scores = self._ask(1)
        whole, order = _numbers(scores)[0], order_of_use(scores)[0]
        orders = np.stack([order, *self._random])
        masks = torch.stack([all_but_first(orders, k, self.bridge) for k in range(1, self.masked + 1)], dim=1)
        masks = masks.flatten(0, 1)
        found = []
        for start in range(0, len(masks), rows):
            yield None
            part = masks[start : start + rows]
            found.append(_numbers(self._ask(len(part), part)))
        changed = np.concatenate(found).reshape(1 + self.draws, self.masked, len(self.labels))
        yield MaskedAnswers(self.labels, self.bridge.fusion.layers, order, whole, changed[0], changed[1:])

    def _ask(self, count: int, layer_mask: Tensor | None = None) -> LabelScores:
        return self.bridge.score_labels([self.text] * count, self._words, self._frame, layer_mask=layer_mask)


def summarise_masking(found: MaskedAnswers, *, seed: int = 0) -> dict[str, Any]:
    """Return how the answer of one text changes when layers are masked.

    Returns:
        `answer`, the label with nothing masked, and its `log_likelihood`; `draws`; and `masked`, an entry for
        each k = 1 … K: `layers`, the k most-used ones, the `change` of the answer's log-likelihood without
        them, in nats, and the `answer` then; of k random layers the `random_change`, the mean over the draws,
        its `random_interval`, the 95 % bootstrap interval of that mean, and `random_same`, how many draws
        keep the answer. The interval is None where there is one draw.

    Args:
        found: What was measured.
        seed: Of the bootstrap.
    """
    answer = int(found.whole.argmax())
    most_used = found.most_used[:, answer] - found.whole[answer]
    random = found.random[..., answer] - found.whole[answer]
    interval = bootstrap_mean([random], seed=seed) if len(random) > 1 else None
    return {
        "answer": found.labels[answer],
        "log_likelihood": float(found.whole[answer]),
        "draws": len(random),
        "masked": [
            {
                "k": k + 1,
                "layers": [found.layers[position] for position in found.order[: k + 1]],
                "change": float(most_used[k]),
                "answer": found.labels[int(found.most_used[k].argmax())],
                "random_change": float(random[:, k].mean()),
                "random_interval": None if interval is None else interval[:, k].tolist(),
                "random_same": int((found.random[:, k].argmax(axis=-1) == answer).sum()),
            }
            for k in range(len(most_used))
        ],
    }


def passes(masked: int, draws: int) -> int:
    """Return how often a text is read to mask 1 to `masked` layers, the whole text included."""
    return 1 + masked * (1 + draws)


def _numbers(scores: LabelScores) -> np.ndarray:
    return scores.log_likelihoods.double().cpu().numpy()


def mask_text(
    bridge: FusionBridge,
    task: Task,
    text: Text,
    *,
    masked: int,
    draws: int,
    seed: int = 0,
    rows: int = 8,
) -> MaskedAnswers:
    """Mask layers of one text, see `TextMasking`, and return the result.

    Raises:
        ConfigError: the bridge uses one layer only, or K leaves none.
    """
    *_, found = TextMasking(bridge, task, text, masked=masked, draws=draws, seed=seed).steps(rows)
    return found


def sequence_of(layers: Sequence[int]) -> str:
    """Return numbers of layers as a reader lists them. Example: (11, 0) -> "11, embeddings"."""
    return ", ".join(str(layer) if layer else "embeddings" for layer in layers)
