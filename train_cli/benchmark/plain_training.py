"""The training of a bridge as such code is usually written: the reference for our own step.

It has the same weights and gives the same losses. It lacks what `Trainer` and `FusionBridge` do to save time
and memory:

- A batch is padded to its longest text, and batches are not sorted by length.
- The encoder runs inside the autograd graph: its embeddings require gradients, as
  `enable_input_require_grads` of transformers has it, which libraries for adapters call.
- All positions, padding too, go through a whole `torch.nn.TransformerEncoderLayer` over the L+1 vectors, of
  which the first is used.
- The LLM reads the whole prompt for every row, and computes logits and loss over the whole sequence.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion_demo.bridge import FusionBridge
from fusion_demo.config import TrainConfig
from fusion_demo.data import Example
from fusion_demo.fusion import TransformerSoftmaxFusion
from fusion_demo.fusion.transformer_softmax import DepthBlock
from fusion_demo.padding import IGNORED
from fusion_demo.projection import Projection
from fusion_demo.prompt import PromptFrame
from fusion_demo.tasks import Task
from train_cli.optimizer import build_optimizer, set_rate


class PlainFusion(nn.Module):
    """Transformer softmax weighting of the layers, every position of the sequence computed (eqs 5 to 8)."""

    def __init__(self, ours: TransformerSoftmaxFusion) -> None:
        super().__init__()
        self.query = nn.Parameter(ours.query.detach().clone())
        self.positions = nn.Parameter(ours.positions.detach().clone())
        self.blocks = nn.ModuleList(plain_layer(block) for block in ours.blocks)
        self.score = nn.Linear(ours.width, ours.num_layers)
        self.score.load_state_dict(ours.score.state_dict())

    def forward(self, states: Tensor) -> Tensor:
        """Return the fused states of (B, T, L, D) layer states: (B, T, D)."""
        query = self.query.expand(*states.shape[:2], 1, -1)
        sequence = torch.cat([query, states + self.positions], dim=2).flatten(0, 1)
        for block in self.blocks:
            sequence = block(sequence)
        weights = torch.softmax(self.score(sequence[:, 0]), dim=-1).unflatten(0, states.shape[:2])
        return (weights[..., None] * states).sum(dim=2)


class PlainBridge(nn.Module):
    """A bridge of soft tokens alone, one a token of the encoder, with the weights of one of ours.

    Args:
        ours: Gives the frozen models and the values of the trained parts, which are copied.
        frame: The LLM's own tokens around the text.
    """

    def __init__(self, ours: FusionBridge, frame: PromptFrame) -> None:
        super().__init__()
        self.fusion = PlainFusion(ours.fusion)
        self.projection = Projection.from_config(
            ours.config, ours.encoder.width, ours.llm.width, embedding_rms=ours.llm.embedding_rms
        )
        self.projection.load_state_dict(ours.projection.state_dict())
        # Held in a tuple: the frozen models are no part of what is trained.
        self.frozen = (ours.encoder, ours.llm)
        self.frame = frame
        ours.encoder.model.enable_input_require_grads()

    def forward(self, texts: Sequence[str], answers: Sequence[str]) -> Tensor:
        """Return the mean cross-entropy of the answers' tokens, end tokens included, in nats."""
        encoder, llm = self.frozen
        device = encoder.model.device
        batch = encoder.tokenizer(
            list(texts),
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=encoder.max_tokens,
            split_special_tokens=True,
            return_tensors="pt",
        ).to(device)
        hidden = encoder.model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            output_hidden_states=True,
        ).hidden_states
        inner = hidden[1:-1] if encoder.final_norm is None else map(encoder.final_norm, hidden[1:-1])
        soft = self.projection(self.fusion(torch.stack([*inner, hidden[-1]], dim=2)))
        before, after = (
            llm.embed(torch.tensor(ids, dtype=torch.long, device=device))
            for ids in (self.frame.before, self.frame.after)
        )
        rows, labels = [], []
        for embeddings, real, answer in zip(soft, batch["attention_mask"].bool(), answers, strict=True):
            ids = torch.tensor(self.frame.answer_ids(llm.tokenizer, answer), device=device)
            prompt = torch.cat([before, embeddings[real], self.projection.boundary[None], after])
            rows.append(torch.cat([prompt, llm.embed(ids)]))
            labels.append(torch.cat([ids.new_full((len(prompt),), IGNORED), ids]))
        lengths = torch.tensor([len(row) for row in rows], device=device)
        return llm.model(
            inputs_embeds=nn.utils.rnn.pad_sequence(rows, batch_first=True),
            attention_mask=(torch.arange(int(lengths.max()), device=device) < lengths[:, None]).long(),
            labels=nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORED),
        ).loss


class PlainTraining:
    """The loop around `PlainBridge`: the same optimizer, schedule and clipping as ours.

    Args:
        bridge: Gets trained.
        task: Tells the answers.
        config: The recipe.
        total: Updates of the whole training, for the schedule.
    """

    def __init__(self, bridge: PlainBridge, task: Task, config: TrainConfig, total: int) -> None:
        self.bridge, self.task, self.config, self.total = bridge.train(), task, config, total
        self.parameters = dict(bridge.named_parameters())
        self.optimizer = build_optimizer(self.parameters, config, config.learning_rate)
        self.updates = 0

    def update(self, examples: Sequence[Example]) -> float:
        """Make one update with a batch; return its loss."""
        texts = [example.text for example in examples]
        loss = self.bridge(texts, [self.task.answer(example.label) for example in examples])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.config.max_gradient_norm)
        set_rate(self.optimizer, self.updates, self.total, self.config.warmup_fraction)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.updates += 1
        return loss.item()


def plain_layer(block: DepthBlock) -> nn.TransformerEncoderLayer:
    """Return torch's own Transformer encoder layer with the weights of a block of ours."""
    width = block.query.in_features
    layer = nn.TransformerEncoderLayer(
        width,
        block.heads,
        dim_feedforward=block.feedforward[0].out_features,
        dropout=block.dropout.p,
        batch_first=True,
    )
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(torch.cat([block.query.weight, block.key_value.weight]))
        layer.self_attn.in_proj_bias.copy_(torch.cat([block.query.bias, block.key_value.bias]))
    for mine, theirs in (
        (block.attention_output, layer.self_attn.out_proj),
        (block.attention_norm, layer.norm1),
        (block.feedforward[0], layer.linear1),
        (block.feedforward[3], layer.linear2),
        (block.feedforward_norm, layer.norm2),
    ):
        theirs.load_state_dict(mine.state_dict())
    return layer
