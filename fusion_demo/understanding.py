"""What of a text was understood: the best of several echoes, and how sure that is.

The encoder knows what a text means better than the LLM behind the bridge can say it. So the LLM says it
several times, and the encoder chooses: the echo whose sentence vector is nearest to the text's own. It needs
no training and no second language.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from fusion_demo.batching import batches_by_length
from fusion_demo.bridge import FusionBridge
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.pooling import mean_parts
from fusion_demo.soft_tokens import SoftTokens
from fusion_demo.streaming import Written
from fusion_demo.tasks import get_training_task

CANDIDATES = 8
"""Echoes that a conversation chooses from."""

TEMPERATURE, TOP_P = 0.7, 0.9
"""Of all echoes but the first, which is greedy."""

ENCODED_AT_ONCE = 32
"""Texts."""

ECHO_SLACK = 8
"""An echo is at most twice as long as the text in the encoder's tokens, and this much longer."""


@dataclass(frozen=True)
class Understanding:
    """What a text was understood as.

    Attributes:
        text: The best echo, in English.
        similarity: Cosine between its sentence vector and the text's own.
    """

    text: str
    similarity: float


@dataclass(frozen=True)
class Thresholds:
    """Similarities from which a text counts as understood; each encoder has a scale of its own.

    Attributes:
        well: From here on it was understood well,
        partly: from here on partly, and below hardly.
    """

    well: float
    partly: float

    def level(self, similarity: float) -> str:
        """Return "well", "partly" or "hardly"."""
        if similarity >= self.well:
            return "well"
        return "partly" if similarity >= self.partly else "hardly"


@torch.no_grad()
def sentence_vectors(encoder: MultilingualEncoder, texts: Sequence[str]) -> Tensor:
    """Return the mean of the encoder's last layer over each text's tokens, of length 1: (N, D), fp32."""
    means = []
    for start in range(0, len(texts), ENCODED_AT_ONCE):
        encoded = encoder(texts[start : start + ENCODED_AT_ONCE])
        states = encoded.layer_states[:, :, -1].float()
        means.append(mean_parts(states, encoded.mask, encoded.parts)[0][:, 0])
    return functional.normalize(torch.cat(means), dim=-1)


@torch.no_grad()
def understand(
    bridge: FusionBridge,
    texts: Sequence[str],
    *,
    soft: SoftTokens | None = None,
    candidates: int = 1,
    seed: int = 0,
    on_token: Callable[[Written], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[Understanding]:
    """Let the LLM repeat texts in English, each several times, and keep the best of each.

    Args:
        bridge: Trained on the task `echo`, in evaluation mode.
        texts: B texts in any language.
        soft: Their soft tokens, if they are made already.
        candidates: n, echoes of each text. One is greedy, n − 1 are sampled; they are written in one batch.
            Where the bridge has sentence tokens with a map of their own, half of them hear these alone: words
            that were heard wrongly mislead, and the sentence is often understood without them.
        seed: Of the sampling.
        on_token: Gets the greedy echo of a single text after each token.
        stop: Ends the writing after the token during which it came to return True; the best of what there is
            then counts.
    """
    task = get_training_task("echo")
    frame = bridge.frame(task.instruction, task.bare_prompt)
    soft = soft or bridge.soft_tokens(texts)
    longest = min(task.answer_tokens, 2 * max(len(row) for row in soft.tokens) + ECHO_SLACK)
    greedy = replace(task.decoding(frame, bridge.llm.tokenizer), max_new_tokens=longest)
    echoes = [[echo] for echo in bridge.write(soft, frame, greedy, on_token=on_token, stop=stop)]
    if candidates > 1 and not (stop and stop()):
        sampled = replace(greedy, temperature=TEMPERATURE, top_p=TOP_P, seed=seed)
        repeated = soft.repeated(candidates - 1)
        if bridge.sentence is not None:
            number = torch.arange(len(repeated.mask), device=repeated.mask.device) % (candidates - 1)
            repeated = repeated.without_words(number >= (candidates - 1) // 2)
        further = iter(bridge.write(repeated, frame, sampled, stop=stop))
        echoes = [[first, *(next(further) for _ in range(candidates - 1))] for (first,) in echoes]
    wanted = sentence_vectors(bridge.encoder, texts)
    flat = [echo for row in echoes for echo in row]
    number = len(flat) // len(texts)
    found = sentence_vectors(bridge.encoder, flat).unflatten(0, (len(texts), number))
    similarities = (found @ wanted[:, :, None])[..., 0]
    best = similarities.argmax(dim=1).tolist()
    return [
        Understanding(row[i], near[i].item()) for row, near, i in zip(echoes, similarities, best, strict=True)
    ]


class EchoTranslator:
    """A bridge in a translator's place: what a text is understood as is its English.

    Args:
        bridge: As for `understand`.
        candidates: As for `understand`.
    """

    def __init__(self, bridge: FusionBridge, *, candidates: int) -> None:
        self._bridge, self._candidates = bridge, candidates
        self._understood: dict[str, str] = {}

    def translate(self, texts: Sequence[str], language: str, *, batch_size: int = 16) -> list[str]:
        """Return what each text is understood as; each is understood once, whatever its language."""
        new = [text for text in dict.fromkeys(texts) if text not in self._understood]
        for batch in batches_by_length(new, batch_size):
            read = [new[i] for i in batch]
            found = understand(self._bridge, read, candidates=self._candidates)
            self._understood |= {text: best.text for text, best in zip(read, found, strict=True)}
        return [self._understood[text] for text in texts]
