"""The lexical warm start: each word of an English sentence learns to look like the LLM's own word.

Nobody tells the bridge what a foreign word means. It learns to say an English word in the LLM's terms; a
multilingual encoder gives words of one meaning like states in all its languages, and so they come out alike.
"""

import math
import unicodedata

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.llm import FrozenLLM
from fusion_demo.pooling import pool_words
from fusion_demo.tokens import Token
from train_cli.warm_start import WarmStart

NEGATIVES = 2_000
FIRST_SCALE = 1 / 0.07
LARGEST_SCALE = 100.0
PULL = 0.1


class LexicalWarmStart(WarmStart):
    """Trains a bridge's soft tokens, pooled to words, to point at the LLM's input embedding of each word.

        loss = −log softmax_k( s · cos(e_w, v_k) )[word of w] + 0.1 · (rms(e) / rms − 1)²

    e_w is the projected mean of a word's fused states, noised as the config says; v_k are the LLM's
    embeddings of the batch's own words, each the mean over the LLM's pieces of " word", and 2,000 rows of
    its vocabulary drawn at random; s is learned and starts at 1/0.07, as in CLIP (Radford et al., 2021). The
    second term holds the soft tokens at the root mean square of the LLM's embeddings, the scale which it can
    read.

    Raises:
        ConfigError: the bridge reads pairs.
    """

    counted = "words"

    def _trained(self) -> dict[str, nn.Parameter]:
        if self.bridge.relation is not None:
            raise ConfigError("A task that is answered freely reads one text. Leave out --relation-token.")
        device = self.bridge.projection.boundary.device
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE), device=device))
        trained = {
            name: parameter
            for name, parameter in self.bridge.named_parameters()
            if name.startswith(("fusion.", "projection.")) and name != "projection.boundary"
        }
        return {**trained, "log_scale": self.log_scale}

    def _aim(self) -> None:
        self._vectors: dict[str, Tensor] = {}

    def _loss(self, examples: list[Example]) -> tuple[Tensor, int, int]:
        bridge = self.bridge
        encoded, _, fusion = bridge.fuse([example.text for example in examples])
        pooled, _ = pool_words(fusion.fused, encoded.tokens)
        if noise := self.config.warm_start_noise:
            spread = pooled.detach().std(dim=-1, keepdim=True)
            pooled = pooled + noise * spread * torch.randn_like(pooled)
        places = [words_of(tokens) for tokens in encoded.tokens]
        words = sorted({word for row in places for word in row.values()})
        rows = [(row, place) for row, found in enumerate(places) for place in found]
        number = {word: i for i, word in enumerate(words)}
        gold = [number[places[row][place]] for row, place in rows]
        if not rows:  # nothing but punctuation
            return 0.0 * sum(parameter.sum() for parameter in self.parameters.values()), 0, 0
        index = torch.tensor(rows, device=pooled.device)
        vectors = bridge.projection(pooled[index[:, 0], index[:, 1]])
        scores = (
            self.log_scale.exp().clamp(max=LARGEST_SCALE)
            * functional.normalize(vectors, dim=-1)
            @ (functional.normalize(self._candidates(words), dim=-1).T)
        )
        target = torch.tensor(gold, device=scores.device)
        rms = vectors.pow(2).mean(dim=-1).sqrt() / bridge.llm.embedding_rms
        loss = functional.cross_entropy(scores, target) + PULL * (rms - 1).pow(2).mean()
        return loss, int((scores.argmax(dim=1) == target).sum()), len(target)

    def _candidates(self, words: list[str]) -> Tensor:
        """The LLM's embeddings of the words, then of random rows of its vocabulary: (W + 2,000, E), fp32."""
        llm = self.bridge.llm
        for word in words:
            if word not in self._vectors:
                self._vectors[word] = word_embedding(llm, word)
        size = llm.model.get_input_embeddings().num_embeddings
        drawn = torch.randint(size, (min(NEGATIVES, size),), device=llm.model.device)
        own = torch.stack([self._vectors[word] for word in words])
        return torch.cat([own, llm.embed(drawn).detach().float()])


def words_of(tokens: list[Token]) -> dict[int, str]:
    """Return place → word, for the places that `pool_words` gives a text's words.

    Punctuation around a word belongs to no word; a place that holds nothing else is left out.

    Example: <s> "It 's wet." </s> as ▁It, 's, ▁wet, . -> {1: "It's", 2: "wet"}.
    """
    found: dict[int, str] = {}
    place, before = -1, None
    for token in tokens:
        if token.special or before is None or token.word != before.word or before.special:
            place += 1
        if not token.special:
            found[place] = found.get(place, "") + token.text
        before = token
    stripped = {place: _without_outer_punctuation(word) for place, word in found.items()}
    return {place: word for place, word in stripped.items() if word}


def word_embedding(llm: FrozenLLM, word: str) -> Tensor:
    """Return the mean of the LLM's input embeddings of the pieces of " word": (E,), fp32."""
    ids = torch.tensor(llm.text_ids(f" {word}"), device=llm.model.device)
    return llm.embed(ids).detach().float().mean(dim=0)


def _without_outer_punctuation(word: str) -> str:
    kept = [i for i, letter in enumerate(word) if unicodedata.category(letter)[0] in "LMN"]
    return word[kept[0] : kept[-1] + 1] if kept else ""
