"""The keyword warm start: a text's sentence tokens learn to name its content words in the LLM's own terms.

The lexical warm start (`train_cli.lexical`) teaches each word to look like itself; this one teaches the whole
what it is about. Nothing foreign is read: a sentence encoder puts a text and its translations near one
another, and so their tokens come out alike.
"""

import math
from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.evaluation.echo import content_words
from train_cli.lexical import word_embedding
from train_cli.sentence_means import sentence_means
from train_cli.warm_start import WARM_STARTS, WarmStart

RAREST = 3
"""A word that fewer of the texts hold is not asked for."""

NEGATIVES = 1_500
FIRST_SCALE = 12.0
LARGEST_SCALE = 60.0


class KeywordWarmStart(WarmStart):
    """Trains a bridge's sentence tokens to point at the LLM's embeddings of their text's content words.

        score(w) = logsumexp_k s · cos(e_k − c, v_w − c),   loss = −mean_w log softmax_w score(w)

    e_1..K are the sentence tokens, noised as the config says, v_w the LLM's embedding of " w" (the mean over
    its pieces), c the mean of these. The softmax is over the content words of the batch's texts and 1,500
    drawn ones; s is learned. Each word may choose the token that says it.

    Raises:
        ConfigError: the bridge's sentence tokens have no map of their own, or it reads pairs.
    """

    counted = "content words"
    name = WARM_STARTS[1]
    batch_size = 128

    @property
    def _frozen_source(self) -> bool:
        config = self.bridge.config
        return config.sentence_states == "last-layer" and not config.sentence_queries

    def _epochs(self) -> int:
        return self.config.keyword_epochs

    def _trained(self) -> dict[str, nn.Parameter]:
        if self.bridge.sentence is None or self.bridge.relation is not None:
            raise ConfigError(
                "The keyword warm start teaches the sentence tokens of single texts. Give --sentence-tokens "
                "8, or leave out --keyword-epochs."
            )
        device = self.bridge.projection.boundary.device
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE), device=device))
        makers = ("sentence.",) if self._frozen_source else ("sentence.", "fusion.")
        trained = {
            name: parameter
            for name, parameter in self.bridge.named_parameters()
            if parameter.requires_grad and name.startswith(makers)
        }
        return {**trained, "log_scale": self.log_scale}

    def _aim(self) -> None:
        """Leave it to the first update: one that is finished is only loaded."""
        self._ready = False

    def _prepare(self) -> None:
        self._ready = True
        words = [set(content_words(str(example.text))) for example in self.examples]
        counts = Counter(word for found in words for word in found)
        # By frequency, then by name: the same order for the same texts.
        vocabulary = sorted((w for w, n in counts.items() if n >= RAREST), key=lambda w: (-counts[w], w))
        number = {word: i for i, word in enumerate(vocabulary)}
        self._words = {
            id(example): sorted(number[word] for word in found if word in number)
            for example, found in zip(self.examples, words, strict=True)
        }
        llm = self.bridge.llm
        vectors = torch.stack([word_embedding(llm, word) for word in vocabulary or ["a"]])
        self._centre = vectors.mean(dim=0)
        self._vectors = functional.normalize(vectors - self._centre, dim=-1)
        self._pooled: dict[int, Tensor] = {}
        if self._frozen_source:
            # What the frozen encoder says is the same in every pass, so each text is read once.
            texts = [example.text for example in self.examples]
            pooled = self.bridge.sentence.standardised(sentence_means(self.bridge, texts, "sentence vectors"))
            self._pooled = {id(e): row for e, row in zip(self.examples, pooled, strict=True)}

    def _loss(self, examples: list[Example]) -> tuple[Tensor, int, int]:
        if not self._ready:
            self._prepare()
        rows = [(row, word) for row, e in enumerate(examples) for word in self._words[id(e)]]
        if not rows:
            return 0.0 * sum(parameter.sum() for parameter in self.parameters.values()), 0, 0
        sentence, device = self.bridge.sentence, self._vectors.device
        if self._pooled:
            pooled = torch.stack([self._pooled[id(example)] for example in examples])[:, None]
        else:
            encoded, _, fusion = self.bridge.fuse([example.text for example in examples])
            pooled, _ = self.bridge.pool_sentences(fusion.fused, encoded)
        tokens = functional.normalize(
            sentence(pooled, noise=self.config.sentence_noise) - self._centre, dim=-1
        )
        drawn = torch.randint(len(self._vectors), (NEGATIVES,), device=device).tolist()
        asked = sorted({word for _, word in rows} | set(drawn))
        place = {word: i for i, word in enumerate(asked)}
        scale = self.log_scale.exp().clamp(max=LARGEST_SCALE)
        scores = torch.logsumexp(scale * (tokens @ self._vectors[asked].T), dim=1)
        row, word = (torch.tensor(column, device=device) for column in zip(*rows, strict=True))
        gold = torch.tensor([place[w] for w in word.tolist()], device=device)
        loss = -scores.log_softmax(dim=-1)[row, gold].mean()
        # As many words as a text has are named; right is what is among them.
        counts = torch.bincount(row, minlength=len(examples))
        rank = (scores[row] > scores[row, gold][:, None]).sum(dim=-1)
        return loss, int((rank < counts[row]).sum()), len(rows)
