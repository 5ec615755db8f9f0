"""The translation pipeline: a translator writes English, and the LLM alone reads it."""

from collections.abc import Sequence

from torch import Tensor

from fusion_demo.baselines.llm_alone import LLMAlone
from fusion_demo.baselines.translator import Translator
from fusion_demo.tasks import Task
from fusion_demo.tokens import Text
from fusion_demo.understanding import EchoTranslator


class TranslationPipeline:
    """Translates into English, then asks the LLM; the usual way around an LLM that knows English only."""

    name = "translation-pipeline"

    def __init__(
        self, translator: Translator | EchoTranslator, llm: LLMAlone, *, batch_size: int = 16
    ) -> None:
        self.translator = translator
        self.llm = llm
        self.batch_size = batch_size

    def prepare(self, texts: Sequence[Text], language: str) -> list[Text]:
        """Return the texts in English; both parts of a pair are translated, each on its own."""
        parts = [part for text in texts for part in ([text] if isinstance(text, str) else text)]
        english = iter(self.translator.translate(parts, language, batch_size=self.batch_size))
        return [next(english) if isinstance(text, str) else (next(english), next(english)) for text in texts]

    def score_labels(self, texts: Sequence[Text], task: Task) -> Tensor:
        """Return how likely the LLM finds each label's words after the English texts, (B, K), in nats."""
        return self.llm.score_labels(texts, task)

    def divergence(
        self, texts: Sequence[Text], answers: Sequence[str], english: Sequence[str], task: Task
    ) -> float:
        """Return how far the LLM is, reading the translations, from itself reading the English."""
        return self.llm.divergence(texts, answers, english, task)

    def generate(self, texts: Sequence[Text], task: Task) -> list[str]:
        """Return the LLM's greedy answers to the English texts."""
        return self.llm.generate(texts, task)
