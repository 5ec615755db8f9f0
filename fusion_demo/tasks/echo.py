"""Say in English what a text says: the bridge's own test of what arrives at the LLM.

Trained without labels and without parallel text: the right answer to an English sentence is the sentence.
In any other language the answer is then a translation, which nobody ever showed to the bridge.
"""

from fusion_demo.languages import LANGUAGES
from fusion_demo.tasks.base import Task

ECHO = Task(
    name="echo",
    title="Understood as",
    instruction="Repeat in English:",
    bare_prompt="In English: ",
    languages=tuple(LANGUAGES),
    data="single English sentences out of MultiNLI (Williams et al., 2018), SNLI (Bowman et al., 2015) and "
    "LingNLI (Parrish et al., 2021); checkpoints with several sentence tokens also from short English "
    "messages out of CLINC150, HWU64, Banking77, Restaurant8k, Taskmaster-4, WebQuestions, PersonaChat, "
    "Tatoeba, Snips, SGD, NQ-open, Topical-Chat, Self-Instruct, the ChatterBot corpus, Alpaca, DailyDialog, "
    "EmpatheticDialogues, DREAM and TREC",
    licence="MultiNLI OANC, CC BY 3.0, CC BY-SA 3.0; SNLI CC BY-SA 4.0; LingNLI, TREC: none; of the "
    "messages' sets CC BY, CC BY 2.0 FR (Tatoeba), CC BY-SA, CC BY-NC (Alpaca, DailyDialog, "
    "EmpatheticDialogues), CC0, CDLA-Sharing, Apache 2.0, BSD; DREAM: research only",
    licence_id="other",
    line_parallel=True,
    target="text",
    answer_tokens=96,
    no_repeat_ngram=3,
)
