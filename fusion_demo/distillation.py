"""Self-distillation: the LLM that reads a text teaches the same LLM behind soft tokens.

No human answer is needed, and nothing is asked of the LLM that it cannot do: behind the bridge it should go
on as it goes on from the text itself (Hinton et al., 2015, at temperature 1, with one model as both).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from fusion_demo.llm import FrozenLLM
from fusion_demo.padding import IGNORED, pad
from fusion_demo.prompt import PromptFrame
from fusion_demo.tokens import Text


@torch.no_grad()
def teacher_logits(llm: FrozenLLM, texts: Sequence[Text], targets: Tensor, frame: PromptFrame) -> Tensor:
    """Return what the LLM would say along given answers if it read the texts as its own tokens.

    Args:
        llm: The frozen LLM.
        texts: B texts that the LLM can read; of a pair its parts, a line each.
        targets: (B, N) token ids of the answers, filled up with `IGNORED`.
        frame: The LLM's own tokens around a text.

    Returns:
        Logits (B, N, V) of the answers' tokens.
    """
    plain = [text if isinstance(text, str) else "\n".join(text) for text in texts]
    rows = [[*llm.text_ids(text), *frame.text_end, *frame.after] for text in plain]
    # Padded on the left, so that the last position of every row is a real one.
    ids = pad(rows, targets.device, side="left")
    embeddings, mask = llm.embed(ids.clamp(min=0)), ids != IGNORED
    return llm.read_answers(frame.before, embeddings, mask, targets.clamp(min=0), targets != IGNORED)


def distillation_loss(student: Tensor, teacher: Tensor, real: Tensor) -> Tensor:
    """Return the mean of KL(teacher || student) over the answers' tokens, in nats.

    Args:
        student: Logits (B, N, V).
        teacher: Logits (B, N, V) of the same vocabulary.
        real: (B, N), False at tokens to be passed over.
    """
    wanted = teacher[real].float().log_softmax(dim=-1)
    said = student[real].float().log_softmax(dim=-1)
    return (wanted.exp() * (wanted - said)).sum(dim=-1).mean()
