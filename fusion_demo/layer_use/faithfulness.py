"""Layer faithfulness: do the layers with the largest weights matter most for the answer?

After the faithfulness tests of token attributions (DeYoung et al. 2020, "comprehensiveness"): what is said
to matter is taken away, and the answer should become less likely than if as much is taken at random.

What is masked is what the weights weigh. In `depthwise-attention` that is the layers' values: the last layer,
which stands in its sum once more as it is, stays. Where the LLM also reads the text itself, it still does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from tqdm import tqdm

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge, LabelScores
from fusion_demo.data import Example
from fusion_demo.layer_use.masking import all_but_first, check_masked, order_of_use, random_orders
from fusion_demo.resampling import bootstrap_mean
from fusion_demo.tasks import Task


@dataclass(frozen=True)
class Faithfulness:
    """How the log-likelihood of the right answer changes when layers are masked, in nats, for N texts.

    Attributes:
        most_used: (N, K), column k - 1: without the k layers that the text used most.
        random: (N, K), column k - 1: without k random layers, the mean of several draws.
    """

    most_used: np.ndarray
    random: np.ndarray


def measure_faithfulness(
    bridge: FusionBridge,
    task: Task,
    examples: Sequence[Example],
    *,
    masked: int,
    draws: int,
    batch_size: int,
    seed: int = 0,
    description: str = "",
) -> Faithfulness:
    """Mask layers inside the bridge's own forward pass and score the right answer each time.

    A text's most-used layers are those with the largest mean weight over its own tokens. The weights that
    remain are divided by their sum. The k random layers of a draw are the first k of one random order.

    Args:
        bridge: In evaluation mode.
        task: Its instruction and label words are used.
        examples: N texts with their right labels.
        masked: K, the largest number of layers to mask.
        draws: Random orders per text.
        batch_size: Texts per batch.
        seed: Of the random orders; they do not depend on the batch size.
        description: Shown before the progress bar; there is none where stderr is no terminal.

    Raises:
        ConfigError: the bridge uses one layer only, or K leaves none.
    """
    check_masked(bridge, masked)
    frame = bridge.frame(task.instruction, task.bare_prompt)
    words = list(task.label_words.values())
    gold = np.array([task.labels.index(example.label) for example in examples])
    layers = len(bridge.fusion.layers)
    orders = random_orders(layers, len(examples), draws, seed)
    most_used = np.empty((len(examples), masked))
    random = np.empty((draws, len(examples), masked))
    texts = [example.text for example in examples]

    def ask(batch: list[int], layer_mask: Tensor | None = None) -> tuple[np.ndarray, LabelScores]:
        scores = bridge.score_labels([texts[i] for i in batch], words, frame, layer_mask=layer_mask)
        likelihoods = scores.log_likelihoods.double().cpu().numpy()
        return likelihoods[np.arange(len(batch)), gold[batch]], scores

    with tqdm(total=len(texts), desc=description, unit="text", disable=None, leave=False) as progress:
        for batch in batches_by_length(texts, batch_size):
            whole, scores = ask(batch)
            by_use = order_of_use(scores)
            for k in range(1, masked + 1):
                most_used[batch, k - 1] = ask(batch, all_but_first(by_use, k, bridge))[0] - whole
                for draw, order in enumerate(orders[:, batch]):
                    random[draw, batch, k - 1] = ask(batch, all_but_first(order, k, bridge))[0] - whole
            progress.update(len(batch))
    return Faithfulness(most_used, random.mean(axis=0))


def summarise_faithfulness(
    languages: Mapping[str, Faithfulness], *, parallel: bool, seed: int = 0
) -> dict[str, Any]:
    """Return the mean changes with their 95 % bootstrap intervals over texts.

    Args:
        languages: Language code → what was measured.
        parallel: Whether text i is the same in every language; the mean over languages then resamples texts
            in all languages at once, otherwise texts within each language.
        seed: Of the bootstrap.

    Returns:
        `languages` (code → summary) and `mean` (the summary of the unweighted mean over languages). A summary
        has `n` and, for `most_used`, `random` and their `gap` (most used less random, text by text), `change`
        and `interval`, with a number for each k = 1 … K, in nats.

    Raises:
        DataError: a language has fewer than two texts.
    """
    found = list(languages.values())
    together = found
    if parallel:
        changes = ([one.most_used for one in found], [one.random for one in found])
        together = [Faithfulness(*(np.mean(change, axis=0) for change in changes))]
    return {
        "languages": {code: _summary([one], seed) for code, one in languages.items()},
        "mean": {**_summary(together, seed), "n": sum(len(one.random) for one in found)},
    }


def _summary(samples: Sequence[Faithfulness], seed: int) -> dict[str, Any]:
    columns = {
        "most_used": [one.most_used for one in samples],
        "random": [one.random for one in samples],
        "gap": [one.most_used - one.random for one in samples],
    }
    return {"n": sum(len(one.random) for one in samples)} | {
        name: {
            "change": np.mean([values.mean(axis=0) for values in column], axis=0).tolist(),
            "interval": bootstrap_mean(column, seed=seed).tolist(),
        }
        for name, column in columns.items()
    }
