"""The fusion bridge: a frozen encoder, a trained fusion and projection, a frozen LLM."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_demo.config import BridgeConfig
from fusion_demo.decoding import Decoding
from fusion_demo.distillation import distillation_loss, teacher_logits
from fusion_demo.encoder import EncodedTexts, MultilingualEncoder
from fusion_demo.errors import InputError
from fusion_demo.fusion import FusionOutput, build_fusion
from fusion_demo.llm import FrozenLLM
from fusion_demo.padding import IGNORED, pad
from fusion_demo.pooling import mean_parts, pool_words
from fusion_demo.projection import Projection
from fusion_demo.prompt import PromptFrame, build_frame
from fusion_demo.relation import build_relation
from fusion_demo.sentence import SentenceTokens
from fusion_demo.soft_tokens import Disturbance, SoftTokens, disturb
from fusion_demo.streaming import Written
from fusion_demo.text_prompt import TextPrompt, read_text_prompt
from fusion_demo.tokens import Text


@dataclass(frozen=True)
class LabelScores:
    """How likely the LLM finds each label, and what it read.

    Attributes:
        log_likelihoods: (B, K), in nats, of the whole label and the end token after it.
        probabilities: (B, K), the same over the K labels alone; each row sums to 1.
        soft_tokens: What the LLM read; its `layer_weights` are those used for these scores.
    """

    log_likelihoods: Tensor
    probabilities: Tensor
    soft_tokens: SoftTokens


class FusionBridge(nn.Module):
    """Lets a frozen English LLM read any language that a frozen encoder knows.

    Only `fusion`, `projection` and, if the config asks for them, `sentence` and `relation` are trained, in
    fp32 whatever the frozen models' dtype.

    Attributes:
        checkpoint: Name of the checkpoint that it was loaded from; empty where it was built anew.
    """

    def __init__(self, config: BridgeConfig, encoder: MultilingualEncoder, llm: FrozenLLM) -> None:
        super().__init__()
        self.config = config
        self.checkpoint = ""
        self.encoder = encoder
        self.llm = llm
        self.fusion = build_fusion(config, encoder.num_layers, encoder.width)
        self.projection = Projection.from_config(
            config, encoder.width, llm.width, embedding_rms=llm.embedding_rms
        )
        sizes = {"width": encoder.width, "llm_width": llm.width, "embedding_rms": llm.embedding_rms}
        self.sentence = SentenceTokens.from_config(config, **sizes)
        self.relation = build_relation(config, **sizes)

    def train(self, mode: bool = True) -> "FusionBridge":
        """Switch the trained parts between training and evaluation; the frozen ones never train."""
        super().train(mode)
        self.encoder.eval()
        self.llm.eval()
        return self

    def trained_state(self) -> dict[str, Tensor]:
        """Return the trained tensors by name: those of the trained parts alone."""
        return {
            name: value
            for name, value in self.state_dict().items()
            if name.startswith(("fusion.", "projection.", "sentence.", "relation."))
        }

    def frame(
        self, instruction: str, bare_prompt: str, history: Sequence[tuple[str, Sequence[int]]] = ()
    ) -> PromptFrame:
        """Return the LLM's own tokens around the text, in the form that the config asks for.

        See `build_frame`.
        """
        return build_frame(
            self.llm.tokenizer,
            self.config.prompt_form,
            instruction=instruction,
            bare_prompt=bare_prompt,
            history=history,
            template_arguments=self.config.template_arguments,
        )

    def fuse(
        self, texts: Sequence[Text], *, layer_mask: Tensor | None = None
    ) -> tuple[EncodedTexts, Tensor, FusionOutput]:
        """Encode and fuse texts (paper, eqs 1-8).

        Args:
            texts: B texts.
            layer_mask: (B, L), True at the layers that may be used, see `LayerFusion.forward`.

        Returns:
            What the encoder says, the (B, T, L, D) states that were mixed, and the mix.
        """
        encoded = self.encoder(texts)
        states = encoded.states(embeddings=self.fusion.reads_embeddings).to(self.projection.boundary.dtype)
        return encoded, states, self.fusion(states, encoded.mask, layer_mask=layer_mask)

    def soft_tokens(
        self, texts: Sequence[Text], *, layer_mask: Tensor | None = None, sentence_noise: float = 0.0
    ) -> SoftTokens:
        """Fuse texts, see `fuse`, and project them (paper, eqs 1-9, without the boundary vector).

        Args:
            texts: B texts.
            layer_mask: As for `fuse`.
            sentence_noise: Of a training step, see `Disturbance`.

        Raises:
            InputError: a text is no pair, and the bridge reads pairs.
        """
        encoded, _, fusion = self.fuse(texts, layer_mask=layer_mask)
        fused, mask = fusion.fused, encoded.mask
        if self.config.soft_token_unit == "word":
            fused, mask = pool_words(fused, encoded.tokens)
        elif self.config.soft_token_unit == "text":
            fused, mask = fused[:, :0], mask[:, :0]
        summaries, present = self._summaries(fusion.fused, encoded, sentence_noise)
        prompt = None
        if self.config.text_prompt == "augment":
            prompt = read_text_prompt(self.llm, texts, self.config.text_prompt_tokens)
        return SoftTokens(
            torch.cat([summaries, self.projection(fused)], dim=1),
            torch.cat([present, mask], dim=1),
            fusion.layer_weights,
            encoded.tokens,
            encoded.truncated,
            prompt,
            summaries=summaries.shape[1],
            parts=encoded.parts,
        )

    def summaries(self, texts: Sequence[Text], *, noise: float = 0.0) -> Tensor:
        """Return the soft tokens that stand for whole texts alone, (B, S, E): what leads `soft_tokens`.

        Args:
            texts: B texts.
            noise: Standard deviation of Gaussian noise on the means of the fused states, relative to each
                one's own.

        Raises:
            InputError: a text is no pair, and the bridge reads pairs.
        """
        encoded, _, fusion = self.fuse(texts)
        return self._summaries(fusion.fused, encoded, noise)[0]

    def _summaries(self, fused: Tensor, encoded: EncodedTexts, noise: float = 0.0) -> tuple[Tensor, Tensor]:
        """Return the relation token and the sentence tokens, (B, S, E), and their mask (B, S)."""
        embeddings = [encoded.mask[:, :0, None].expand(-1, -1, self.llm.width).to(fused.dtype)]
        masks = [encoded.mask[:, :0]]
        if self.relation is not None:
            second = encoded.mask & (encoded.parts == 1)
            if not second.any(dim=1).all():
                raise InputError("This bridge reads pairs of texts. Give two texts for each answer.")
            embeddings.append(self.relation(fused, encoded.mask, encoded.parts, noise=noise)[:, None])
            masks.append(torch.ones_like(encoded.mask[:, :1]))
        if self.sentence is not None:
            for part in range(int(encoded.parts.max()) + 1):
                pooled, there = self.pool_sentences(fused, encoded, part)
                embeddings.append(self.sentence(pooled, noise=noise))
                masks.append(there[:, None].expand(-1, self.config.sentence_tokens))
        elif self.config.sentence_tokens:
            means, present = mean_parts(fused, encoded.mask, encoded.parts)
            if noise:
                means = means + noise * means.detach().std(dim=-1, keepdim=True) * torch.randn_like(means)
            embeddings.append(self.projection(means))
            masks.append(present)
        return torch.cat(embeddings, dim=1), torch.cat(masks, dim=1)

    def pool_sentences(self, fused: Tensor, encoded: EncodedTexts, part: int = 0) -> tuple[Tensor, Tensor]:
        """Return what the sentence tokens of a text, or of one text of each pair, are made from.

        Returns:
            (B, 1 + Q, D), see `SentenceTokens.pool`, and (B,), False where there is no such text.
        """
        mask = encoded.mask & (encoded.parts == part)
        return self.sentence.pool(self.sentence_states(fused, encoded), mask), mask.any(dim=1)

    def sentence_states(self, fused: Tensor, encoded: EncodedTexts) -> Tensor:
        """Return the states that the sentence tokens are made from, as the config says: (B, T, D)."""
        if self.config.sentence_states == "last-layer":
            return encoded.layer_states[:, :, -1].to(fused.dtype)
        return fused

    def forward(
        self,
        texts: Sequence[Text],
        answers: Sequence[str],
        frame: PromptFrame,
        *,
        disturbance: Disturbance | None = None,
        taught_by: Sequence[Text] | None = None,
    ) -> Tensor:
        """Return the training loss of answers, in nats a token; the end token belongs to the answer.

        Args:
            texts: B texts.
            answers: What the LLM should say of each.
            frame: The LLM's own tokens around the text.
            disturbance: What is done to the soft tokens first.
            taught_by: None: the prefix-LM loss, the mean cross-entropy of the answers (paper, eq. 10).
                B texts, English ones of the same meaning: how far the LLM's distributions along the answers
                are from those that it has where it reads these as its own tokens, see `distillation_loss`.
        """
        how = disturbance or Disturbance()
        soft = self.soft_tokens(texts, sentence_noise=how.sentence_noise)
        embeddings, mask = disturb(soft, how)
        if taught_by is None:
            return self.answer_loss(embeddings, mask, answers, frame, soft.prompt)
        logits, targets = self._answer_logits(embeddings, mask, answers, frame, soft.prompt)
        wanted = teacher_logits(self.llm, taught_by, targets, frame)
        return distillation_loss(logits, wanted, targets != IGNORED)

    def answer_loss(
        self,
        embeddings: Tensor,
        mask: Tensor,
        answers: Sequence[str],
        frame: PromptFrame,
        prompt: TextPrompt | None = None,
    ) -> Tensor:
        """Return the mean cross-entropy of the answers' tokens, in nats (paper, eq. 10).

        Args:
            embeddings: (B, S, E), what stands for the texts.
            mask: (B, S), False at positions to be passed over.
            answers: What the LLM should say of each.
            frame: The LLM's own tokens around the text.
            prompt: The texts as the LLM's own tokens, if they follow.
        """
        logits, targets = self._answer_logits(embeddings, mask, answers, frame, prompt)
        return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED)

    def _answer_logits(
        self,
        embeddings: Tensor,
        mask: Tensor,
        answers: Sequence[str],
        frame: PromptFrame,
        prompt: TextPrompt | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of the answers' tokens, (B, N, V), and those tokens, (B, N)."""
        embeddings, mask = self._close(embeddings, mask, prompt, frame)
        targets = pad([frame.answer_ids(self.llm.tokenizer, answer) for answer in answers], mask.device)
        logits = self.llm.read_answers(
            frame.before, embeddings, mask, targets.clamp(min=0), targets != IGNORED
        )
        return logits, targets

    @torch.no_grad()
    def score_labels(
        self,
        texts: Sequence[Text],
        labels: Sequence[str],
        frame: PromptFrame,
        *,
        layer_mask: Tensor | None = None,
    ) -> LabelScores:
        """Return how likely the LLM finds each whole label as its answer.

        Text and labels are read in one pass, see `FrozenLLM.score_answers`.

        Args:
            texts: B texts.
            labels: K different labels, as the LLM would write them.
            frame: The LLM's own tokens around the text.
            layer_mask: (B, L), True at the layers that may be used, see `LayerFusion.forward`.
        """
        soft = self.soft_tokens(texts, layer_mask=layer_mask)
        embeddings, mask = self.close(soft, frame)
        ids = [frame.answer_ids(self.llm.tokenizer, label) for label in labels]
        scores = self.llm.score_answers(frame.before, embeddings, mask, ids)
        return LabelScores(scores, torch.softmax(scores, dim=-1), soft)

    def generate(
        self, texts: Sequence[Text], frame: PromptFrame, decoding: Decoding | None = None
    ) -> list[str]:
        """Return the LLM's answer to each text."""
        return self.write(self.soft_tokens(texts), frame, decoding)

    @torch.no_grad()
    def write(
        self,
        soft: SoftTokens,
        frame: PromptFrame,
        decoding: Decoding | None = None,
        *,
        on_token: Callable[[Written], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> list[str]:
        """Return the LLM's answers to texts that are soft tokens already.

        Args:
            soft: The soft tokens of B texts.
            frame: The LLM's own tokens around the text.
            decoding: How the answers are written.
            on_token: Gets the answer to a single text after each token.
            stop: Ends the answers after the token during which it came to return True.
        """
        embeddings, mask = self.close(soft, frame)
        ids = self.llm.generate(
            frame.before,
            embeddings,
            mask,
            decoding or Decoding(),
            on_token=on_token,
            stop=stop,
            keep_prefix=frame.shared,
        )
        return self.llm.decode(ids)

    def close(self, soft: SoftTokens, frame: PromptFrame) -> tuple[Tensor, Tensor]:
        """Return all that the LLM reads behind the frame's prefix: (B, S, E) and its mask (B, S)."""
        return self._close(soft.embeddings, soft.mask, soft.prompt, frame)

    def _close(
        self, embeddings: Tensor, mask: Tensor, prompt: TextPrompt | None, frame: PromptFrame
    ) -> tuple[Tensor, Tensor]:
        """Put the boundary vector, the texts if the LLM reads them, and the frame's last tokens behind."""
        texts = prompt.ids if prompt else [[] for _ in mask]
        text_end = frame.text_end if prompt else ()
        # Padded on the left, so that the last position of every row is a real one.
        ids = pad([[*text, *text_end, *frame.after] for text in texts], mask.device, side="left")
        real = ids != IGNORED
        boundary = self.projection.boundary.expand(len(mask), 1, -1)
        tail = self.llm.embed(ids.clamp(min=0)).to(embeddings.dtype)
        return (
            torch.cat([embeddings, boundary, tail], dim=1),
            torch.cat([mask, mask.new_ones(len(mask), 1), real], dim=1),
        )
