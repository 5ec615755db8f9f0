"""Label anchors: for each label a vector which the frozen LLM, reading it as the text, answers with it.

An untrained bridge has no way to know how the LLM wants to be told "this is about health". The LLM's own
embedding of the word does not do it: read as a text, it leaves the answer to the LLM's prejudice. So the
vectors are learned first, through the LLM but from no text at all, and the warm start aims at them.
"""

import torch
from torch import Tensor, nn

from fusion_demo.bridge import FusionBridge
from fusion_demo.errors import TrainingError
from fusion_demo.prompt import PromptFrame
from fusion_demo.tasks import Task
from train_cli.optimizer import set_rate

UPDATES = 40
BATCH_SIZE = 16
LEARNING_RATE = 0.02
MOMENTS = (0.9, 0.95)
NOISE = 0.5


def learn_anchors(bridge: FusionBridge, task: Task, frame: PromptFrame, seed: int) -> Tensor:
    """Learn the anchors of a task's labels, and the bridge's boundary vector with them.

        x = λ a_i + (1 − λ) a_j + 0.5 · rms · ε,   loss = −log p_LLM(label i | x)

    with λ uniform in [½, 1], a random label j and normal ε: what lies nearer to a_i than to a_j is
    answered with label i too. An anchor starts at the mean of the LLM's input embeddings of its label's
    words; rms is the root mean square of all its input embeddings. 40 updates of 16 sequences without a
    text take about a minute on a CPU core.

    Args:
        bridge: Its LLM reads the anchors; only its boundary vector changes.
        task: Gives the K label words.
        frame: The LLM's own tokens around the text.
        seed: Of the mixtures and the noise.

    Returns:
        (K, E) fp32, on the LLM's device.

    Raises:
        TrainingError: the LLM overflows.
    """
    bridge.eval()
    words = list(task.label_words.values())
    boundary = bridge.projection.boundary
    anchors = nn.Parameter(label_embeddings(bridge, task))
    rate = {"lr": LEARNING_RATE, "peak": LEARNING_RATE}
    optimizer = torch.optim.Adam([{"params": [anchors, boundary], **rate}], betas=MOMENTS)
    chance = torch.Generator().manual_seed(seed)
    for update in range(UPDATES):
        first, second = torch.randint(len(words), (2, BATCH_SIZE), generator=chance)
        nearness = 0.5 + 0.5 * torch.rand(BATCH_SIZE, 1, generator=chance)
        noise = torch.randn(BATCH_SIZE, anchors.shape[1], generator=chance)
        mixed = nearness.to(anchors) * anchors[first] + (1 - nearness).to(anchors) * anchors[second]
        mixed = mixed + NOISE * bridge.llm.embedding_rms * noise.to(anchors)
        mask = torch.ones(BATCH_SIZE, 1, dtype=torch.bool, device=anchors.device)
        loss = bridge.answer_loss(mixed[:, None], mask, [words[i] for i in first.tolist()], frame)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        set_rate(optimizer, update, UPDATES, warmup_fraction=0.1)
        optimizer.step()
    if not (anchors.isfinite().all() and boundary.isfinite().all()):
        raise TrainingError(
            "What the warm start aims at is not finite: the LLM overflows where it reads label words. "
            "Look at the dtype: give --dtype bfloat16 or float32."
        )
    boundary.grad = None
    return anchors.detach()


def label_embeddings(bridge: FusionBridge, task: Task) -> Tensor:
    """Return the mean of the LLM's input embeddings of each label's words: (K, E), fp32."""
    tokenizer, device = bridge.llm.tokenizer, bridge.llm.model.device
    rows = [
        bridge.llm.embed(torch.tensor(tokenizer.encode(words, add_special_tokens=False), device=device))
        for words in task.label_words.values()
    ]
    return torch.stack([row.float().mean(dim=0) for row in rows]).detach()
