"""Answer a message in English: the conversation that the bridge exists for.

Trained by self-distillation: the LLM's own answers to English messages, as `train_cli teach` writes them, are
the examples, and behind soft tokens it should go on as it goes on from the message itself.
"""

from fusion_demo.languages import LANGUAGES
from fusion_demo.tasks.base import Task

CHAT = Task(
    name="chat",
    title="Chat",
    instruction="",
    bare_prompt="Answer: ",
    languages=tuple(LANGUAGES),
    data="English prompts out of Alpaca (Taori et al., 2023) and Natural Questions (Kwiatkowski et al., "
    "2019), answered by the LLM itself (`train_cli teach`)",
    licence="Alpaca CC BY-NC 4.0; Natural Questions CC BY-SA 3.0",
    licence_id="cc-by-nc-4.0",
    fields=("prompt",),
    target="response",
    answer_tokens=64,
    no_repeat_ngram=4,
    taught=True,
)
